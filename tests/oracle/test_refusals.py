"""What PyTorch refuses is refused here: every argument of every function in turn made wrong, in both libraries.

The calls are those of the oracle tables, by keyword; where PyTorch takes the wrong argument after all, so may we.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import OURS, THEIRS, Library, made, run, torch
from tests.oracle.signatures import REQUIRED
from tests.oracle.test_signatures import ALONE, FUNCTIONS, by_keyword, cases, overloads_of

NUMBERS = (99, -99, 1.5, "no such", None, 0, -1, True)  # in place of an option
# Decisions. A wrong tensor: integers, booleans: where PyTorch wants floats, or all of one dtype, they are promoted as
# in a sum (activations, losses, means and norms do refuse them). Of options, by what stands in their place:
# Axes of size 0 are taken wherever the result has a meaning; PyTorch asks some functions for none but the batch's.
ANY = object()
TAKEN: dict[Any, str] = {
    (ANY, None): "an axis, a size or a bound left out means all, or the default",
    (ANY, 0): "one number for a tuple of one", (ANY, -1): "one number for a tuple of one",
    ("tile", 99): "one number for a tuple of one", ("reshape", -99): "-1 and below are worked out",
    ("std", True): "the unbiased= of std(x, True)", ("var", True): "as std", ("round", True): "counts as 1",
    ("split", True): "counts as 1", ("tensor_split", True): "counts as 1", ("sub", True): "arithmetic with booleans",
    ("linalg.matrix_norm", True): "counts as 1", ("tensor_split", 99): "99 pieces, most of them empty",
}  # fmt: skip
UNNAMED = ("einsum", "meshgrid")  # PyTorch has no words for their arguments; see the REFUSED tables
LARGER = {"pad": "every mode takes any axes; PyTorch's reflect and its kin two to five"}


class Spoiled(Library):
    """Our functions; each call is also tried with wrong arguments, once for every set of arguments."""

    def __init__(self, found: dict[str, list[str]], prefix: str = "") -> None:
        super().__init__(OURS.places, OURS.linalg, OURS.grad, OURS.tensor)
        self.found, self.prefix = found, prefix
        self.done: set[Any] = set()
        if not prefix:
            self.linalg = Spoiled(found, "linalg.")

    def __getattr__(self, name: str) -> Any:
        function = getattr(OURS.linalg if self.prefix else OURS, name)

        def call(*args: Any, **named: Any) -> Any:
            self.spoil(self.prefix + name, function, args, named)
            return function(*args, **named)

        return call

    def spoil(self, name: str, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        for parameters in overloads_of(name):
            spelled = by_keyword(parameters, args, named)
            if spelled is None or "dtype" in spelled or (key := (name, *spelled)) in self.done:
                continue
            self.done.add(key)
            if not self.theirs_takes(name, spelled):
                continue  # words that PyTorch's Python does not know
            for word, value in spelled.items():
                for what, wrong in (tensors(value) if isinstance(value, mx.Node) else options(value)).items():
                    self.probe(name, function, {**spelled, word: wrong}, what, f"{word}={what!r}")
            for p in parameters:
                if p.default is REQUIRED:
                    rest = {k: v for k, v in spelled.items() if k != p.name}
                    self.probe(name, function, rest, None, f"{p.name} left out")

    def probe(self, name: str, function: Any, spelled: dict[str, Any], what: Any, shown: str) -> None:
        if self.theirs_takes(name, spelled):
            return
        self.found[name] += []
        try:
            with np.errstate(all="ignore"):
                function(**spelled)
        except mx.MicrogradxError as problem:
            if len(str(problem)) > 20:
                return
        larger = name in LARGER and what in ("an axis more", "a vector of 5")
        if not {(ANY, what), (name, what)} & TAKEN.keys() and what not in ("integers", "booleans") and not larger:
            self.found[name].append(f"{name}: {shown}")

    def theirs_takes(self, name: str, spelled: dict[str, Any]) -> bool:
        function = getattr(torch.linalg if self.prefix else THEIRS, name.removeprefix("linalg."))
        named = {word: foreign(value) for word, value in spelled.items()}
        first = [named.pop("input")] if next(iter(named), "") == "input" else []  # "self" in PyTorch's methods
        torch.set_default_dtype(torch.float64)
        try:
            function(*first, **named)
        except Exception:  # however PyTorch says no
            return False
        finally:
            torch.set_default_dtype(torch.float32)
        return True


def tensors(x: Any) -> dict[str, Any]:
    """Tensors in place of x: of other kinds, and of other shapes."""
    d = x.data
    wrong = {"integers": d.astype(int), "booleans": d.astype(bool), "an axis more": np.stack([d, d]),
             "a vector of 5": np.resize(d, (5,)), "nothing": d.reshape(-1)[:0], "numbers": d * 0.5 + 0.25}  # fmt: skip
    if d.ndim and len(d):
        wrong |= {"a column less": d[..., :-1], "an axis less": d[0]}
    other = {k: v for k, v in wrong.items() if v.dtype != d.dtype or v.shape != d.shape}
    return {**{k: mx.Tensor(v, requires_grad=False) for k, v in other.items()}, "a word": "no such"}


def options(value: Any) -> dict[Any, Any]:
    """Other things in place of an option."""
    return {w: w for w in NUMBERS if not (type(w) is type(value) and w == value)}


def foreign(value: Any) -> Any:
    """A value for PyTorch."""
    if isinstance(value, (list, tuple)):
        return type(value)(foreign(v) for v in value)
    return torch.tensor(value.data) if isinstance(value, mx.Node) else value


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """By function: which wrong arguments PyTorch refused and we took, or met with an error of another kind."""
    taken: dict[str, list[str]] = defaultdict(list)
    library = Spoiled(taken)
    for inputs, call in cases():
        leaves = {k: OURS.tensor(a, a.dtype.kind == "f") for k, a in made(inputs, np.float64, 0).items()}
        run(library, call, leaves)
    return taken


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in {*ALONE, *UNNAMED}])
def test_wrong_arguments_are_refused(found: Any, name: str) -> None:
    assert name in found, "no wrong argument was tried"
    assert not found[name]
