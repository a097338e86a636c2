"""PyTorch says dim and keepdim, NumPy axis and keepdims: functions take both."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from microgradx.rules.op import ALIASES


def both_words(function: Callable[..., Any]) -> Callable[..., Any]:
    """Accept `dim=`/`keepdim=` for a function whose parameters are `axis`/`keepdims`."""

    @wraps(function)
    def accepts(*args: Any, **named: Any) -> Any:
        return function(*args, **{ALIASES.get(k, k): v for k, v in named.items()})

    return accepts
