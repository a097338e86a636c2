"""The one colour scale of all pictures: blue for negative gradients, orange for positive, darker for larger.

The hues are the blue and vermilion of Okabe and Ito's colour-blind-safe palette (Color Universal Design, 2008).
Darkness is logarithmic: each third of the scale is one power of ten below the largest gradient in the picture,
so that a vanishing gradient is seen to fade. White is exactly zero.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.graph import Node

Colour = tuple[int, int, int]

_NEGATIVE: Colour = (0, 114, 178)
_POSITIVE: Colour = (213, 94, 0)
_BROKEN: Colour = (204, 121, 167)  # nan and inf
_WHITE: Colour = (255, 255, 255)
_LINE: Colour = (190, 190, 190)  # a line that carries no gradient
_DECADES = 3
_FAINTEST = 0.12  # so that a tiny gradient still differs from none
_FILL = 0.7  # boxes stay light enough for black text


def strongest(gradient: Any) -> float:
    """The element that stands for a gradient: the one of largest size, or the first nan; 0 when it is empty."""
    if isinstance(gradient, float):
        return gradient
    array = np.asarray(gradient.data if isinstance(gradient, Node) else gradient, dtype=float).ravel()
    return float(array[np.argmax(np.abs(array))]) if array.size else 0.0


@dataclass(frozen=True)
class Scale:
    """Colours for one picture, whose largest finite gradient is `top`."""

    top: float

    def strength(self, gradient: float) -> float:
        """0 for a zero gradient, 1 for one of size `top`, in between by powers of ten."""
        if gradient == 0 or self.top == 0:
            return 0.0
        return min(1.0, max(_FAINTEST, 1 + math.log10(abs(gradient) / self.top) / _DECADES))

    def fill(self, gradient: float) -> str:
        """The colour of a value's box."""
        return self._mixed(_WHITE, gradient, _FILL)

    def line(self, gradient: float) -> str:
        """The colour of an edge."""
        return self._mixed(_LINE, gradient, 1.0)

    def width(self, gradient: float) -> float:
        """The width of an edge, in points: 0.8 … 2.6."""
        return 0.8 + 1.8 * (self.strength(gradient) if math.isfinite(gradient) else 1.0)

    def stops(self) -> list[float]:
        """The gradients whose colours the legend shows, from −top to top."""
        powers = [self.top / 10**k for k in range(_DECADES)]
        return [*(-p for p in powers), 0.0, *reversed(powers)]

    def _mixed(self, ground: Colour, gradient: float, most: float) -> str:
        if not math.isfinite(gradient):
            part, hue = most, _BROKEN
        else:
            part, hue = most * self.strength(gradient), _POSITIVE if gradient > 0 else _NEGATIVE
        return "#" + "".join(f"{round(g + (h - g) * part):02x}" for g, h in zip(ground, hue, strict=True))
