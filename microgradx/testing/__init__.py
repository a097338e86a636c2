"""The proof: every derivative held against its definition, and what a failed check teaches.

>>> import microgradx as mx
>>> from microgradx.testing import check_grads, diagnose
>>> check_grads(lambda x: mx.sin(x) * x, 2.0).worst < 1e-10
True
>>> diagnose(mx.BOOK["sigmoid"]) is None  # nothing to say about a right rule
True

What draws examples needs Hypothesis, which comes with the package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from microgradx.graph import MicrogradxError
from microgradx.testing.calls import OpCall
from microgradx.testing.checks import Report, check_call, check_grads, gradcheck, numerical_jacobian
from microgradx.testing.diagnosis import diagnose
from microgradx.testing.kinks import Kink
from microgradx.testing.lesson import CheckError, Lesson, PropertyError
from microgradx.testing.properties import PROPERTIES, Property, rows_of

if TYPE_CHECKING:
    from microgradx.testing.proving import check_rule, rule_properties
    from microgradx.testing.strategies import Expression, Graph, expressions, graphs, numbers, op_calls, tensors

_DRAWN = {
    **dict.fromkeys(("check_rule", "rule_properties"), "proving"),
    **dict.fromkeys(("Expression", "Graph", "expressions", "graphs", "numbers", "op_calls", "tensors"), "strategies"),
}

__all__ = [
    "PROPERTIES",
    "CheckError",
    "Expression",
    "Graph",
    "Kink",
    "Lesson",
    "MissingExtraError",
    "OpCall",
    "Property",
    "PropertyError",
    "Report",
    "check_call",
    "check_grads",
    "check_rule",
    "diagnose",
    "expressions",
    "gradcheck",
    "graphs",
    "numbers",
    "numerical_jacobian",
    "op_calls",
    "rows_of",
    "rule_properties",
    "tensors",
]


class MissingExtraError(MicrogradxError, ImportError):
    """Something needs a package that is not installed; the message names the extra that brings it."""


def __getattr__(name: str) -> Any:
    if name not in _DRAWN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"microgradx.testing.{_DRAWN[name]}"), name)
    except ModuleNotFoundError as problem:
        if problem.name != "hypothesis":
            raise
        raise MissingExtraError(
            f"microgradx.testing.{name} draws its examples with Hypothesis, which is not installed: "
            "pip install hypothesis."
        ) from None
