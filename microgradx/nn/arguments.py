"""What a layer says to an argument that it does not have."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from microgradx.graph import OpError

_ELSEWHERE = {  # PyTorch's words that no layer here has
    "dtype": ' Weights take the default dtype: call mx.set_default_dtype("float32") before.',
    "device": " Everything is computed in one place, the CPU: leave device out.",
}


def checked(init: Callable[..., None]) -> Callable[..., None]:
    """The constructor, with an OpError that lists its arguments where they were not met."""
    signature = inspect.signature(init)

    @functools.wraps(init)
    def checking(self: Any, *args: Any, **options: Any) -> None:
        try:
            signature.bind(self, *args, **options)
        except TypeError as problem:
            known = ", ".join(list(signature.parameters)[1:]) or "none"
            hint = next((_ELSEWHERE[word] for word in options if word in _ELSEWHERE), "")
            raise OpError(f"{type(self).__name__}: {problem}; its arguments are: {known}.{hint}") from None
        init(self, *args, **options)

    return checking
