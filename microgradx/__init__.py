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

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as _np

from microgradx.binding import bind as _bind
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
from microgradx.rules import op

if TYPE_CHECKING:
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
    from microgradx.functional import *  # noqa: F403  (functional.__all__)
    from microgradx.random import Generator, manual_seed
    from microgradx.rules import BOOK

__all__ = [
    "BOOK", "Edge", "Generator", "GradientError", "GradientTape", "MicrogradxError", "Node", "OpError", "RuleError",
    "Tensor", "Value", "autograd", "checkpoint", "custom_op", "default_dtype", "functional", "grad", "hessian",
    "hvp", "jacobian", "jvp", "linalg", "manual_seed", "no_grad", "op", "random", "scope", "set_default_dtype",
    "value_and_grad", "vjp", "vmap",
]  # fmt: skip
_OWN = __all__
if TYPE_CHECKING:
    __all__ += functional.__all__
else:
    del __all__  # made by __getattr__, for `import *` alone

custom_op = op  # a user's op is a row like any other; this is the name under which people look for it

_bind()

# Linux's C library hands arrays above 128 KiB back to the system as soon as they are freed, and fresh pages cost as
# much as the arithmetic that fills them. It keeps up to 64 MiB once it has seen nearly 32 MiB being freed at once
# (mallopt(3), M_MMAP_THRESHOLD). These are never written to, so they take no memory.
_np.empty(2**25 - 2**13, _np.uint8)

# Nodes, operators and the rows of numbers are there at once. All else is loaded when first asked for (PEP 562): most
# programs need a part, and some of it brings in more than NumPy. Names not in this table are functions of `functional`.
_HOMES = {
    "autodiff": "Edge GradientTape checkpoint grad hessian hvp jacobian jvp value_and_grad vjp vmap",
    "random": "Generator manual_seed random",
    "rules": "BOOK",
    "explain.trace": "trace Trace",
    "explain.paths": "paths",
    "pictures": "draw",
    "compiler": "compile compile_step explain_compile",
    **{module: module for module in ("autograd", "functional", "linalg", "nn", "optim", "data", "training")},
}
_LATER = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        module = import_module(f"microgradx.{_LATER[name]}")
        found = getattr(module, name, module)
    elif name == "__all__":
        return [*_OWN, *import_module("microgradx.functional").__all__]
    elif name.startswith("_") or name not in __getattr__("__all__"):
        raise AttributeError(f"module 'microgradx' has no attribute {name!r}")
    else:
        found = getattr(import_module("microgradx.functional"), name)
    globals()[name] = found  # so that the next time costs no search
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *__getattr__("__all__")})


def _in_a_notebook(self: Any, include: Any = None, exclude: Any = None) -> dict[str, str]:
    """The picture of a node's graph, with its plain text beside it; a leaf is only text."""
    if self.op is None:
        return {"text/plain": repr(self)}
    from microgradx.pictures import draw

    return {**draw(self)._repr_mimebundle_(), "text/plain": repr(self)}


setattr(Node, "_repr_mimebundle_", _in_a_notebook)  # noqa: B010  # here, as pictures stand above the nodes
