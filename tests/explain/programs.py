"""Random expressions and graphs over two to four leaves, for the trace's invariants."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

import microgradx as mx

SMOOTH: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / (b * b + 1.0),
    "tanh": lambda a, b: a.tanh(),
    "sigmoid": lambda a, b: mx.sigmoid(a),
    "softplus": lambda a, b: mx.softplus(a),
    "logaddexp": lambda a, b: mx.logaddexp(a, b),
    "**": lambda a, b: (a * a + 1.0) ** (b * 0.1),
    "exp": lambda a, b: (a * 0.1).exp(),
    "log": lambda a, b: (a * a + 1.0).log(),
    "square": lambda a, b: a**2,
    "relu": lambda a, b: a.relu(),
    "max": lambda a, b: mx.maximum(a, b),
    "neg": lambda a, b: -a,
    "constant": lambda a, b: a * 3.0 + (-2.0),
}
NUMBERS = st.floats(-3, 3).map(lambda x: round(x, 3))


@st.composite
def programs(draw: st.DrawFn) -> tuple[Callable[..., Any], list[float]]:
    """A function of Values and numbers to call it with; results are used again, so paths meet."""
    leaves = draw(st.lists(NUMBERS, min_size=2, max_size=4))
    lines = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(SMOOTH)), st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12
        )
    )

    def program(*args: Any) -> Any:
        made = list(args)
        for op, i, j in lines:
            made.append(SMOOTH[op](made[i % len(made)], made[j % len(made)]))
        return made[-1] * 1.0

    return program, leaves
