"""The target `torch`: PyTorch's tensor functions, without its autograd (extra `torch`)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Kind, Step
from microgradx.compiler.to_arrays.shared import Language, Template
from microgradx.rules.reductions import per_freedom

suffix = ".py"


def _along(function: str, one_axis: bool = False) -> Template:
    """A reduction: which axes, and whether they stay."""

    def template(step: Step, kinds: list[Kind]) -> str:
        axis, keepdims = step.static.get("axis"), step.static.get("keepdims", False)
        if axis is None and not keepdims and function != "torch.logsumexp":
            return f"{function}(x)"
        if axis is None and one_axis:
            return f"torch.reshape({function}(x), {step.kind.shape})"
        dim = tuple(range(len(kinds[0].shape))) if axis is None else axis
        return f"{function}(x, dim={dim}{', keepdim=True' if keepdims else ''})"

    return template


def _squared(step: Step, kinds: list[Kind], inner: str) -> str:
    summed = _along("torch.sum")
    assert callable(summed)
    return summed(step, kinds).replace("(x", f"({inner}", 1)


def _var(step: Step, kinds: list[Kind]) -> str:
    axis = step.static["axis"]
    dim = tuple(range(len(kinds[0].shape))) if axis is None else axis
    weight = per_freedom(kinds[0].shape, axis, step.static["correction"])
    factor = repr(weight) if np.isfinite(weight) else "torch.inf"
    return f"{_squared(step, kinds, f'(x - torch.mean(x, dim={dim}, keepdim=True)) ** 2')} * {factor}"


def _spread(step: Step, kinds: list[Kind]) -> str:
    axis, before, shape = step.static["axis"], kinds[0].shape, step.kind.shape
    if axis is None or step.static["keepdims"]:
        return "torch.broadcast_to(x, shape)"
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis)}
    stood = tuple(1 if k in axes else n for k, n in enumerate(shape))
    lead = before == stood[len(stood) - len(before) :]
    return "torch.broadcast_to(x, shape)" if lead else f"torch.broadcast_to(torch.reshape(x, {stood}), shape)"


def _sum_to(step: Step, kinds: list[Kind]) -> str:
    lead = len(kinds[0].shape) - len(step.kind.shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(step.kind.shape) if n == 1))
    return f"torch.reshape(torch.sum(x, dim={axes}), shape)"


def _transpose(step: Step, kinds: list[Kind]) -> str:
    n = len(kinds[0].shape)
    axes = step.static["axes"]
    return f"torch.permute(x, {tuple(range(n))[::-1] if axes is None else tuple(axes)})"


def _flip(step: Step, kinds: list[Kind]) -> str:
    axis = step.static["axis"]
    axes = tuple(range(len(kinds[0].shape))) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return f"torch.flip(x, {axes})"


def _pad(step: Step, kinds: list[Kind]) -> str:
    flat = tuple(n for pair in reversed(step.static["pads"]) for n in pair)
    return f"torch.nn.functional.pad(x, {flat}, value=value)"


def _inside(step: Step, kinds: list[Kind]) -> str:
    low, high = step.static["low"] is not None, step.static["high"] is not None
    tests = ["(x >= low)"] * low + ["(x <= high)"] * high or ["(x == x)"]
    return f"({' & '.join(tests)}).to(torch.{step.kind.dtype})"


def _put_along(step: Step, kinds: list[Kind]) -> str:
    return f"torch.zeros({step.kind.shape}, dtype=u.dtype).scatter_add(axis, k.long(), u)"


def _where(step: Step, kinds: list[Kind]) -> str:
    chosen = "torch.where(c.bool(), a, b)" if kinds[0].dtype != bool else "torch.where(c, a, b)"
    return f"{chosen}.to(torch.{step.kind.dtype})" if kinds[1].shape == kinds[2].shape == () else chosen


def _several(function: str) -> Template:
    return lambda step, kinds: f"{function}([{', '.join(f'xs{i}' for i in range(len(kinds)))}], dim=axis)"


def _shaped(step: Step, kinds: list[Kind]) -> str:
    return f"torch.reshape(x, {step.kind.shape})"


TABLE: Mapping[str, Template] = {
    "alias": "x", "number": "x", "tensor": "x.to(dtype)", "astype": "x.to(dtype)",
    "where": _where, "maximum": "torch.maximum(a, b)", "minimum": "torch.minimum(a, b)",
    "squash": "m + s * torch.tanh(s * x)", "lstm_output": "o * torch.tanh(c)",
    "relu": "torch.relu(x)", "sigmoid": "torch.sigmoid(x)", "erf": "torch.erf(x)",
    "sign": "torch.where(torch.isnan(x), x, torch.sign(x))",
    "softplus": "torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))",
    "leaky_relu": "torch.where(x > 0, x, negative_slope * x)",
    "elu": "torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0)))",
    "clip": lambda step, kinds: "x" if {*step.static.values()} == {None} else "torch.clamp(x, low, high)",
    "inside": _inside, "over": "torch.where(x != 0, 1 / x, torch.zeros_like(x))",
    "round": "torch.round(x, decimals=decimals)",
    "bce": "-(t * torch.clamp(torch.log(p), min=-100.0) + (1 - t) * torch.clamp(torch.log(1 - p), min=-100.0))",
    "bce_with_logits": "torch.relu(z) - z * t + torch.log1p(torch.exp(-torch.abs(z)))",
    "reshape": "torch.reshape(x, shape)", "transpose": _transpose, "flip": _flip,
    "unsqueeze": _shaped, "squeeze": _shaped,
    "mT": lambda step, kinds: "A.T" if len(step.kind.shape) == 2 else "A.mT",
    "broadcast_to": "torch.broadcast_to(x, shape)", "sum_to": _sum_to, "spread": _spread,
    "lookup": "W[k.long()]",
    "collect": "torch.zeros((size, *u.shape[k.ndim:]), dtype=u.dtype).index_put((k.long(),), u, accumulate=True)",
    "take_along": "torch.gather(x, axis, k.long())",
    "put_along": _put_along,
    "concatenate": _several("torch.cat"), "stack": _several("torch.stack"), "pad": _pad,
    **{name: _along(f"torch.{name}") for name in ("sum", "mean", "all", "any", "amax", "amin", "logsumexp")},
    "argmax": _along("torch.argmax", one_axis=True), "argmin": _along("torch.argmin", one_axis=True),
    "var": _var, "norm2": lambda step, kinds: f"torch.sqrt({_squared(step, kinds, 'x * x')})",
    "softmax": "torch.softmax(x, axis)", "log_softmax": "torch.log_softmax(x, axis)",
    "one_hot": "torch.nn.functional.one_hot(t.long(), classes).to(dtype)",
    "softmax_cross_entropy": "torch.logsumexp(x, -1) - torch.gather(x, -1, t.long()[..., None])[..., 0]",
    "cumsum": "torch.cumsum(x, axis)", "argsort": "torch.argsort(x, dim=axis, descending=descending, stable=True)",
    "outer": "torch.outer(a, b)", "symmetric": "0.5 * (A + A.mT)",
    "einsum_row": lambda step, kinds: f"torch.einsum(spec, {', '.join(f'xs{i}' for i in range(len(kinds)))})",
    "inv": "torch.linalg.inv(A)", "solve": "torch.linalg.solve(A, B)", "det": "torch.linalg.det(A)",
    "logabsdet": "torch.linalg.slogdet(A)[1]", "det_sign": "torch.linalg.slogdet(A)[0]",
    "cholesky": "torch.linalg.cholesky(0.5 * (A + A.mT))",
    "pinv": lambda step, _: f"torch.linalg.pinv(A{', rtol=rtol' if step.static['rtol'] is not None else ''})",
}  # fmt: skip
# NumPy's functions that PyTorch has under the same name.
SAME = {
    *("absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "ceil", "copysign", "cos"),
    *("cosh", "exp", "exp2", "expm1", "floor", "floor_divide", "fmod", "hypot", "isfinite", "isinf", "isnan", "log"),
    *("log10", "log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "negative"),
    *("remainder", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc"),
}

LANGUAGE = Language(
    name="torch",
    title="PyTorch",
    prefix="torch",
    head=(
        "import torch",
        "",
        '# torch.set_default_device("cuda")  # to run it on a graphics card',
        "torch.set_grad_enabled(False)  # the backward part stands below, line by line",
    ),
    table=TABLE,
    functions=lambda name: f"torch.{name}" if name in SAME else None,
    array="torch.tensor({data}, dtype=torch.{dtype})",
    tensors_only=True,
    with_number={"maximum": "torch.clamp(a, min=b)", "minimum": "torch.clamp(a, max=b)"},
)
script = LANGUAGE.script


def function(form: Form) -> Callable[..., Any]:
    """The form as a function of raw arguments, run by PyTorch; results are NumPy arrays and floats.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    LANGUAGE.present()
    import torch

    space: dict[str, Any] = {}
    text = LANGUAGE.function_source(form).replace(LANGUAGE.head[-1] + "\n", "", 1)
    exec(text, space)  # source that we have just written
    converted = LANGUAGE.converted(form, space["compiled"], lambda array: torch.from_numpy(np.array(array)))
    run: Callable[..., Any] = torch.no_grad()(converted)
    return run
