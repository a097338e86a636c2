"""Where chance comes from: generators with a seed, and the one that is used when none is passed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any, Self

import numpy as np

from microgradx.graph.errors import OpError


class Generator:
    """A source of random numbers with a seed of its own: equal seeds give equal numbers.

    Without a seed it starts from the machine's entropy, and no two are alike.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.manual_seed(seed)

    def __repr__(self) -> str:
        return f"Generator(seed={self.seed})"

    def manual_seed(self, seed: int | None) -> Self:
        """Start again from `seed`, a whole number of 0 or more; returns the generator."""
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise OpError(f"a seed must be a whole number of 0 or more, not {seed!r}.")
        self.seed = seed
        vars(self).pop("_numbers", None)
        return self

    @cached_property
    def _numbers(self) -> Any:
        """Made when the first number is drawn: `import microgradx` need not load NumPy's generators."""
        return np.random.default_rng(self.seed)

    def get_state(self) -> dict[str, Any]:
        """Where it stands, as plain numbers and strings; `set_state` goes back there."""
        return dict(self._numbers.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        """Give the numbers that came after `get_state()`."""
        self._numbers.bit_generator.state = state

    def uniform(self, low: float, high: float, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
        """An array of numbers spread evenly over low … high."""
        return self._numbers.uniform(low, high, shape).astype(dtype, copy=False)

    def normal(self, mean: float, std: float, shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
        """An array of normally distributed numbers."""
        return self._numbers.normal(mean, std, shape).astype(dtype, copy=False)

    def permutation(self, n: int) -> Any:
        """The numbers 0 … n-1 in random order."""
        return self._numbers.permutation(n)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the generator that is used when none is passed; returns it."""
    return default_generator.manual_seed(seed)


Draw = tuple[Any, Callable[[], Any]]  # an array that was drawn, and how the next one is
_draws: ContextVar[list[Draw] | None] = ContextVar("draws", default=None)


def drawn(draw: Callable[[], Any]) -> Any:
    """What `draw()` gives; a program that is being compiled notes it, and will draw again in each call."""
    array, noted = draw(), _draws.get()
    if noted is not None:
        noted.append((array, draw))
    return array


@contextmanager
def noting_draws() -> Iterator[list[Draw]]:
    """Collect what is drawn inside."""
    noted: list[Draw] = []
    before = _draws.set(noted)
    try:
        yield noted
    finally:
        _draws.reset(before)
