"""microgradx: automatic differentiation you can see through.

>>> import microgradx as mx
>>> w, x, b = mx.Value(0.5, name="w"), mx.Value(2.0, name="x"), mx.Value(-1.0, name="b")
>>> y = mx.sigmoid(w * x + b)          # ordinary maths, recorded as a graph
>>> y.data
0.5
>>> y.backward()                       # the chain rule, from y to every leaf
>>> w.grad, x.grad, b.grad
(0.5, 0.125, 0.25)
>>> X = mx.Tensor([[1.0, 2.0], [3.0, 4.0]])
>>> (X @ X).sum().backward()           # arrays: the same ops, the same rules
>>> X.grad
array([[ 7., 11.],
       [ 9., 13.]])
"""

from typing import Any

from microgradx import autograd, functional, linalg, random
from microgradx.autodiff import (
    Edge,
    GradientTape,
    checkpoint,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
    vmap,
)
from microgradx.binding import bind as _bind
from microgradx.functional import *  # noqa: F403  (functional.__all__)
from microgradx.graph import (
    GradientError,
    MicrogradxError,
    Node,
    OpError,
    RuleError,
    Tensor,
    Value,
    default_dtype,
    no_grad,
    scope,
    set_default_dtype,
)
from microgradx.random import Generator, manual_seed
from microgradx.rules import BOOK, op

__all__ = [
    "BOOK", "Edge", "Generator", "GradientError", "GradientTape", "MicrogradxError", "Node", "OpError", "RuleError",
    "Tensor", "Value", "autograd", "checkpoint", "custom_op", "default_dtype", "functional", "grad", "hessian",
    "hvp", "jacobian", "jvp", "linalg", "manual_seed", "no_grad", "op", "random", "scope", "set_default_dtype",
    "value_and_grad", "vjp", "vmap",
]  # fmt: skip
__all__ += functional.__all__

custom_op = op  # a user's op is a row like any other; this is the name under which people look for it

_bind()

# Loaded when first asked for: they bring in more than NumPy, or most programs do without them.
_LATER = {
    "trace": "microgradx.explain.trace",
    "Trace": "microgradx.explain.trace",
    "draw": "microgradx.pictures",
    "compile": "microgradx.compiler",
    "compile_step": "microgradx.compiler",
    "explain_compile": "microgradx.compiler",
    **{folder: f"microgradx.{folder}" for folder in ("nn", "optim", "data", "training")},
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'microgradx' has no attribute {name!r}")
    from importlib import import_module

    module = import_module(_LATER[name])
    return getattr(module, name, module)


def _in_a_notebook(self: Any, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """The picture of a node's graph, with its plain text beside it; a leaf is only text."""
    if self.op is None:
        return {"text/plain": repr(self)}
    from microgradx.pictures import draw

    return {**draw(self)._repr_mimebundle_(), "text/plain": repr(self)}


setattr(Node, "_repr_mimebundle_", _in_a_notebook)  # noqa: B010  # here, as pictures stand above the nodes
