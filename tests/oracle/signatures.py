"""PyTorch's own names, order and defaults of arguments, read from PyTorch: signatures, and schemas of what is C++."""

import inspect
from typing import Any, NamedTuple

import numpy as np

import microgradx as mx
from tests.oracle.compare import THEIRS, torch

REQUIRED = inspect.Parameter.empty
# Machinery that no function here has: where results are written, stored or counted, and words PyTorch gave up.
MACHINERY = {
    "out": "results are always new tensors", "inplace": "nothing changes in place", "size_average": "use reduction",
    "reduce": "use reduction", "_stacklevel": "PyTorch's own bookkeeping", "implicit": "PyTorch's own bookkeeping",
    "sparse_grad": "there are no sparse tensors", "out_dtype": "the result has the dtype of the inputs",
    "driver": "LAPACK's routine is NumPy's choice",
}  # fmt: skip


class Parameter(NamedTuple):
    """One argument of one overload: PyTorch's word, its default, its type ("" where any), and if by keyword only."""

    name: str
    default: Any
    kind: str
    keyword: bool

    def takes(self, value: Any) -> bool:
        """Whether the value is of the type that makes PyTorch choose this overload."""
        wanted = {"Tensor": (mx.Node, np.ndarray), "number": (int, float), "int": int, "bool": bool}.get(self.kind)
        return wanted is None or (isinstance(value, wanted) and not (self.kind == "int" and isinstance(value, bool)))


def functions() -> dict[str, Any]:
    """Every public function of ours by name; those of linalg are called linalg.norm …"""
    ours = {name: getattr(mx.functional, name) for name in [*mx.functional.__all__, "trace"]}
    return ours | {f"linalg.{name}": getattr(mx.linalg, name) for name in mx.linalg.__all__}


def overloads(name: str) -> list[list[Parameter]]:
    """The argument lists under which PyTorch's function of this name can be called; none when it has no such function.

    Functions written in Python have one, those in C++ a schema for each ("self" there is "input" in Python).
    """
    bare = name.removeprefix("linalg.")
    try:
        theirs = getattr(torch.linalg if bare != name else THEIRS, bare)
    except (KeyError, AttributeError):
        return []
    if inspect.isfunction(theirs):
        shown = inspect.signature(theirs).parameters
        if "kwargs" in shown:  # max_pool2d and its kin choose among two functions
            shown = inspect.signature(torch.overrides.get_testing_overrides()[theirs]).parameters
        if any(p.kind is p.VAR_POSITIONAL for p in shown.values()):
            return []  # meshgrid(*tensors), einsum(*args): nothing there has a name
        return [_python(shown)]
    prefix = "linalg_" if bare != name else ""
    names = (prefix + bare, f"special_{bare}", bare.replace("logsig", "log_sig"))
    found = [_schema(s) for s in next(filter(None, map(_schemas, names)), [])]
    return [each for each in found if each]


def _python(parameters: Any) -> list[Parameter]:
    return [
        Parameter(p.name, p.default, "", p.kind is p.KEYWORD_ONLY)
        for p in parameters.values()
        if p.name not in MACHINERY
    ]


def _schemas(name: str) -> list[Any]:
    found = torch._C._jit_get_schemas_for_operator(f"aten::{name}")
    return [s for s in found if not any(a.is_out or "Dimname" in str(a.type) for a in s.arguments)]


# First arguments of what only PyTorch's script language, or packed sequences, can call.
_SCRIPTS = {("self", "List[Tensor]"), ("a", "List[Tensor]"), ("data", "Tensor")}


def _schema(schema: Any) -> list[Parameter]:
    first = schema.arguments[0]
    if not any("Tensor" in str(a.type) for a in schema.arguments) or (first.name, str(first.type)) in _SCRIPTS:
        return []
    return [
        Parameter(
            "input" if a.name == "self" else a.name,
            a.default_value if a.has_default_value() else REQUIRED,
            str(a.type),
            a.kwarg_only,
        )
        for a in schema.arguments
        if a.name not in MACHINERY
    ]
