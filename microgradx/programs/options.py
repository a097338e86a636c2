"""What the options of the programs mean and what they may be: one row for each, whichever program takes it."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Where a number has to lie; `words` say it, and may name the {kind} of number."""

    words: str
    holds: Callable[[float], bool]


ABOVE_0 = Range("above 0", lambda v: 0 < v < math.inf)
FROM_0 = Range("{kind} from 0", lambda v: 0 <= v < math.inf)
SHARE = Range("a share from 0 up to, but not including, 1", lambda v: 0 <= v < 1)


@dataclass(frozen=True)
class Option:
    """`words` are its line of --help; `may_change` says that a training that goes on may be given another value."""

    words: str
    range: Range | None = None
    may_change: bool = False


OPTIONS = {
    "epochs": Option("How often to go over the data", ABOVE_0, may_change=True),
    "lr": Option("Learning rate", ABOVE_0),
    "batch_size": Option("Samples per step", ABOVE_0),
    "optimizer": Option("The rule of the steps"),
    "init": Option("How the weights start; default is PyTorch's way"),
    "seed": Option("Of everything random", FROM_0),
    "noise": Option("Standard deviation of what is added to the targets", FROM_0),
    "digit": Option("Which digit is told from the others, 0 to 9"),
    "hidden": Option("Units of a hidden layer", ABOVE_0),
    "activation": Option("After every hidden layer"),
    "layers": Option("Hidden layers", ABOVE_0),
    "dropout": Option("Share of units left out while learning", SHARE),
    "batch_norm": Option("Batch norm before every activation"),
    "sweep": Option("Train five settings and compare them in a table"),
    "data": Option("Which pictures; mnist and fashion-mnist need their files"),
    "samples": Option("How many pictures to learn from; 0 for all", FROM_0, may_change=True),
    "choosing": Option("Judge by a fifth of the training pictures, held out, to choose settings by"),
    "model": Option("Which network reads the pictures"),
    "filters": Option("Kernels of the convolution", ABOVE_0),
    "width": Option("The head's hidden layers, times the slides' sizes", ABOVE_0),
    "outputs": Option("Scores at the end of the head, 10 or more"),
    "text": Option("Which text to learn from; topics are those of Python's own help"),
    "cell": Option("Which recurrent layer"),
    "depth": Option("Recurrent layers, one above the other", ABOVE_0),
    "steps": Option("Steps in time: a sequence's, or how far back gradients go", ABOVE_0),
    "clip": Option("The largest norm of all gradients together", ABOVE_0),
    "temperature": Option("Of what is said: low keeps to the likeliest", ABOVE_0, may_change=True),
}
