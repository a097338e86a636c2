"""Where a derivative does not exist, or is a limit: what each row answers by decision, as data.

At a kink any number between the two slopes is a right answer; these are the ones that PyTorch gives: a tie of maximum,
minimum, amax or amin is shared evenly, and bounds count as inside.
"""

from typing import Any, NamedTuple

import numpy as np


class At(NamedTuple):
    """A row at a point (floats, or arrays for rows that are not elementwise), and the gradients it must give."""

    name: str
    inputs: tuple[Any, ...]
    gradients: tuple[Any, ...]
    static: dict[str, Any] = {}  # noqa: RUF012  (never changed)


inf = float("inf")

CONVENTIONS = [
    At("where", (2.0, 1.0, 3.0), (None, 1.0, 0.0)),  # any number but 0 is true
    At("astype", (np.array([1.5, 2.5], np.float32),), (np.ones(2),), dict(dtype="float64")),
    At("relu", (0.0,), (0.0,)),
    At("leaky_relu", (0.0,), (0.3,), dict(negative_slope=0.3)),
    At("elu", (0.0,), (0.5,), dict(alpha=0.5)),
    At("abs", (0.0,), (0.0,)),
    At("sign", (0.0,), (0.0,)),
    At("maximum", (2.0, 2.0), (0.5, 0.5)),
    At("minimum", (2.0, 2.0), (0.5, 0.5)),
    At("clip", (1.5,), (1.0,), dict(low=-1.0, high=1.5)),
    At("clip", (-1.0,), (1.0,), dict(low=-1.0, high=1.5)),
    At("floor", (2.0,), (0.0,)),
    At("power", (0.0,), (0.0,), dict(n=0)),
    At("power", (0.0,), (0.0,), dict(n=2)),
    At("power", (-2.0,), (12.0,), dict(n=3)),
    At("pow", (0.0, 0.0), (0.0, 0.0)),
    At("pow", (0.0, 1.0), (1.0, 0.0)),
    At("pow", (0.0, 2.0), (0.0, 0.0)),
    At("pow", (0.0, -1.0), (-inf, -inf)),
    At("pow", (-2.0, 3.0), (12.0, float("nan"))),
    At("over", (0.0,), (0.0,)),
    # Linear in t with the floor of the logarithm as slope, as the values are; PyTorch answers inf there.
    At("bce", (0.0, 1.0), (-1e12, 100.0)),
    At("bce", (1.0, 0.0), (1e12, -100.0)),
    At("bce", (0.0, 0.0), (0.0, 100.0)),
    At("norm2", (np.zeros(3),), (np.zeros(3),), dict(axis=0)),
    At("amax", (np.array([1.0, 3.0, 3.0]),), (np.array([0.0, 0.5, 0.5]),), dict(axis=0)),
    At("amin", (np.array([1.0, 1.0, 3.0]),), (np.array([0.5, 0.5, 0.0]),), dict(axis=0)),
]
