"""The target `jax`: array functions of jax.numpy, one compiled step that runs on any device JAX knows (extra `jax`)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Kind, Step
from microgradx.compiler.to_arrays.shared import Language, Template
from microgradx.rules.reductions import per_freedom

suffix = ".py"


def _along(function: str) -> Template:
    """A reduction: which axes, and whether they stay."""

    def template(step: Step, kinds: list[Kind]) -> str:
        said = [k for k in ("axis", "keepdims") if step.static.get(k) is not None and step.static[k] is not False]
        return f"{function}({', '.join(['x', *(f'{k}={k}' for k in said)])})"

    return template


def _var(step: Step, kinds: list[Kind]) -> str:
    weight = per_freedom(kinds[0].shape, step.static["axis"], step.static["correction"])
    factor = repr(weight) if np.isfinite(weight) else "jnp.inf"
    return f"jnp.sum((x - jnp.mean(x, axis, keepdims=True)) ** 2, axis, keepdims=keepdims) * {factor}"


def _spread(step: Step, kinds: list[Kind]) -> str:
    inner = "x" if step.static["axis"] is None or step.static["keepdims"] else "jnp.expand_dims(x, axis)"
    return f"jnp.broadcast_to({inner}, shape)"


def _sum_to(step: Step, kinds: list[Kind]) -> str:
    lead = len(kinds[0].shape) - len(step.kind.shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(step.kind.shape) if n == 1))
    return f"jnp.reshape(jnp.sum(x, {axes}), shape)"


def _several(function: str) -> Template:
    return lambda step, kinds: f"{function}([{', '.join(f'xs{i}' for i in range(len(kinds)))}], axis=axis)"


def _inside(step: Step, kinds: list[Kind]) -> str:
    low, high = step.static["low"] is not None, step.static["high"] is not None
    tests = ["(x >= low)"] * low + ["(x <= high)"] * high or ["(x == x)"]
    return f"({' & '.join(tests)}).astype(jnp.{step.kind.dtype})"


TABLE: Mapping[str, Template] = {
    "alias": "x", "number": "x", "tensor": "jnp.asarray(x, dtype)", "astype": "x.astype(dtype)",
    "where": "jnp.where(c, a, b)", "maximum": "jnp.maximum(a, b)", "minimum": "jnp.minimum(a, b)",
    "squash": "m + s * jnp.tanh(s * x)", "lstm_output": "o * jnp.tanh(c)",
    "relu": "jnp.maximum(x, 0)", "sigmoid": "jax.nn.sigmoid(x)", "erf": "jax.scipy.special.erf(x)",
    "softplus": "jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))",
    "leaky_relu": "jnp.where(x > 0, x, negative_slope * x)",
    "elu": "jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0)))",
    "clip": lambda step, kinds: "x" if {*step.static.values()} == {None} else "jnp.clip(x, low, high)",
    "inside": _inside,
    "over": "jnp.where(x != 0, 1 / x, 0)", "round": "jnp.round(x, decimals)",
    "bce": "-(t * jnp.maximum(jnp.log(p), -100.0) + (1 - t) * jnp.maximum(jnp.log(1 - p), -100.0))",
    "bce_with_logits": "jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z)))",
    "reshape": "jnp.reshape(x, shape)", "transpose": "jnp.transpose(x, axes)",
    "mT": lambda step, kinds: "A.T" if len(step.kind.shape) == 2 else "A.mT",
    "unsqueeze": "jnp.expand_dims(x, axis)", "broadcast_to": "jnp.broadcast_to(x, shape)", "sum_to": _sum_to,
    "spread": _spread, "scatter": "jnp.zeros(shape, x.dtype).at[key].add(x)",
    "lookup": "W[k.astype(int)]", "collect": "jnp.zeros((size, *u.shape[k.ndim:]), u.dtype).at[k.astype(int)].add(u)",
    "take_along": "jnp.take_along_axis(x, k.astype(int), axis)",
    "concatenate": _several("jnp.concatenate"), "stack": _several("jnp.stack"),
    "pad": "jnp.pad(x, pads, constant_values=value)",
    **{name: _along(f"jnp.{name}") for name in ("sum", "mean", "all", "any", "argmax", "argmin")},
    "amax": _along("jnp.max"), "amin": _along("jnp.min"), "var": _var,
    "norm2": "jnp.sqrt(jnp.sum(x * x, axis, keepdims=keepdims))",
    "logsumexp": _along("jax.scipy.special.logsumexp"),
    "softmax": "jax.nn.softmax(x, axis)", "log_softmax": "jax.nn.log_softmax(x, axis)",
    "one_hot": "jax.nn.one_hot(t, classes, dtype=dtype)",
    "cumsum": "jnp.cumsum(x, axis)", "argsort": "jnp.argsort(x, axis, stable=True, descending=descending)",
    "outer": "jnp.outer(a, b)", "symmetric": "0.5 * (A + A.mT)",
    "einsum_row": lambda step, kinds: f"jnp.einsum(spec, {', '.join(f'xs{i}' for i in range(len(kinds)))})",
    "inv": "jnp.linalg.inv(A)", "solve": "jnp.linalg.solve(A, B)", "det": "jnp.linalg.det(A)",
    "logabsdet": "jnp.linalg.slogdet(A)[1]", "det_sign": "jnp.linalg.slogdet(A)[0]",
    "cholesky": "jnp.linalg.cholesky(0.5 * (A + A.mT))",
    "pinv": lambda step, _: f"jnp.linalg.pinv(A{', rtol=rtol' if step.static['rtol'] is not None else ''})",
}  # fmt: skip

LANGUAGE = Language(
    name="jax",
    title="JAX",
    prefix="jnp",
    head=(
        "import jax",
        "import jax.numpy as jnp",
        "",
        'jax.config.update("jax_enable_x64", True)  # float64 is float64',
    ),
    table=TABLE,
    functions=lambda name: f"jnp.{name}",  # the same names as NumPy's
    array="jnp.array({data}, dtype=jnp.{dtype})",
    decorator="@jax.jit\n",
)
script = LANGUAGE.script


def function(form: Form) -> Callable[..., Any]:
    """The form as a function of raw arguments, compiled by JAX; results are NumPy arrays and floats.

    Raises:
        MissingExtraError: JAX is not installed.
    """
    LANGUAGE.present()
    space: dict[str, Any] = {}
    exec(LANGUAGE.function_source(form), space)  # source that we have just written
    return LANGUAGE.converted(form, space["compiled"], lambda array: array)
