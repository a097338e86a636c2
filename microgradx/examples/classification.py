"""Softmax with cross-entropy: three scores become probabilities, and the gradient collapses to guess minus truth."""

from typing import Any

import numpy as np

from microgradx import Tensor
from microgradx.examples.registry import Example, Level, Program
from microgradx.functional import cross_entropy, exp, log


def one_step(scores: Any, label: Any) -> Any:
    """The mean loss of rows of scores (rows, classes) against labels (rows,), as one op."""
    L = cross_entropy(scores, label)
    return L


def by_hand(s1: Any, s2: Any, s3: Any) -> Any:
    """The same for one row whose true class is the first, number by number."""
    e1, e2, e3 = exp(s1), exp(s2), exp(s3)
    total = e1 + e2 + e3
    a1 = e1 / total
    L = -log(a1)
    return L


def build(level: Level = "tensor") -> Program:
    """Two rows at tensor level; the first of them at scalar level."""
    note = (
        "softmax turns the scores 2, 1, 0.1 into a = 0.659, 0.242, 0.099; the gradient of each score is a − y, "
        "with y = 1 for the true class and 0 for the others"
    )
    if level == "scalar":
        note += ": see how many paths it takes to get there."
        return Program(by_hand, dict(s1=2.0, s2=1.0, s3=0.1), ("s1", "s2", "s3"), (note,), own_numbers=True)
    note += " (halved here: L is the mean over two rows)."
    arguments = dict(scores=[[2.0, 1.0, 0.1], [0.5, -1.0, 1.5]], label=Tensor(np.array([0, 2])))
    return Program(one_step, arguments, ("scores",), (note,), own_numbers=True)


SOFTMAX_CE = Example("softmax-ce", "softmax with cross-entropy: the gradient is guess minus truth", build)
