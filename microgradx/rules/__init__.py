"""How each op differentiates: the rulebook. A family of rows is loaded when it is used, all when BOOK is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from microgradx.rules.op import Op, Rule, forget, op

if TYPE_CHECKING:
    from microgradx.rules.op import BOOK

__all__ = ["BOOK", "Op", "Rule", "forget", "op"]


def __getattr__(name: str) -> Any:
    if name != "BOOK":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, import_module(f"{__name__}.book").BOOK)
