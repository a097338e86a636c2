"""PyTorch says dim and keepdim, NumPy axis and keepdims: functions take both."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_OTHER = {
    "x": "input",
    "t": "target",
    "x1": "input1",
    "x2": "input2",
    "axis": "dim",
    "keepdims": "keepdim",
    "dim": "axis",
    "dims": "axis",
    "keepdim": "keepdims",
}


def other_words(function: Callable[..., Any]) -> dict[str, str]:
    """The other library's words for parameters of `function`: {"dim": "axis"} where it says axis."""
    names = inspect.signature(function).parameters
    return {_OTHER[name]: name for name in names if name in _OTHER and _OTHER[name] not in names}


def both_words(function: F) -> F:
    """Accept the words of both libraries for the parameters of `function`."""
    others = other_words(function)

    @wraps(function)
    def accepts(*args: Any, **named: Any) -> Any:
        return function(*args, **{others.get(k, k): v for k, v in named.items()}) if named else function(*args)

    return accepts  # type: ignore[return-value]
