"""Rows: functions that move in steps, and remainders. All elementwise. Between its steps a step is flat: slope 0."""

from typing import Any

import numpy as np

from microgradx.rules.arithmetic import sign
from microgradx.rules.domains import Domain, between_steps, nonzero
from microgradx.rules.op import op

# With these the quotient a / b stays between -2 and -1, where floor and trunc differ.
_APART = dict(a=Domain("a / b is not a whole number", -2.8, -2.2), b=Domain("b ≠ 0", 1.5, 2.0))


def _round(x: Any, decimals: int = 0) -> Any:
    return np.round(x, decimals)


_FLAT = "between two steps the result does not move"
floor = op("floor(x)", np.floor, None, where=dict(x=between_steps), x=lambda: 0.0, words=dict(x=_FLAT))
ceil = op("ceil(x)", np.ceil, None, where=dict(x=between_steps), x=lambda: 0.0, words=dict(x=_FLAT))
trunc = op("trunc(x)", np.trunc, None, where=dict(x=between_steps), x=lambda: 0.0, words=dict(x=_FLAT))
round = op("round(x, decimals=0)", _round, None, where=dict(x=between_steps), x=lambda: 0.0, words=dict(x=_FLAT))
floor_divide = op(
    "floor_divide(a, b)", np.floor_divide, None, where=_APART, a=lambda: 0.0, b=lambda: 0.0,
    words=dict(a=_FLAT, b=_FLAT),
)  # fmt: skip


def _remains(how: str) -> dict[str, str]:
    b = f"{{b}} is taken away as often as it fits (rounded {how}), so it counts that often, with a minus"
    return dict(a="what remains grows as {a} does", b=b)


remainder = op(
    "remainder(a, b)", np.remainder, None, where=_APART,
    a=lambda: 1.0,
    b=lambda a, b: -floor(a / b),
    words=_remains("down"),
)  # fmt: skip
fmod = op(
    "fmod(a, b)", np.fmod, None, where=_APART,
    a=lambda: 1.0,
    b=lambda a, b: -trunc(a / b),
    words=_remains("towards zero"),
)  # fmt: skip
copysign = op(
    "copysign(a, b)", np.copysign, None, where=dict(a=nonzero, b=nonzero),
    a=lambda a, b: sign(a) * copysign(1.0, b),
    b=lambda: 0.0,
    words=dict(a="the slope is 1 where the sign is kept and -1 where it is turned", b="only the sign of {b} is used"),
)  # fmt: skip
