"""Calls of a function of numbers: one run of it is recorded, grouped, and then fed with the numbers of each call."""

import gc
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from microgradx.autodiff.tree import fill, leaves
from microgradx.compiler.effects import WRITERS, noting_effects
from microgradx.compiler.grouped.grouping import Grouped, NoGroupsError
from microgradx.compiler.guards import Surroundings
from microgradx.compiler.joint import CompileError, decides, differs, leaf
from microgradx.compiler.program import agrees, argument_names, is_setting, unknown
from microgradx.graph import Node, OpError, Tensor, Value, no_grad, recording
from microgradx.graph.notes import line_text, noting_decisions, noting_refusals
from microgradx.graph.reads import noting_reads


class Numbers:
    """The program of one signature.

    Args:
        function: of Values, or of nested lists, tuples and dicts of them.
        args: numbers, Values, trees of Values, settings; and with `scalars` arrays, which the function gets as nested
            lists of Values.
        small: see Grouped.

    Raises:
        NoGroupsError: there is nothing to gain by groups.
        CompileError: a program could not do what the function does.
    """

    def __init__(
        self, function: Callable[..., Any], args: Sequence[Any], differentiate: bool, scalars: bool, small: bool
    ) -> None:
        self.function, self.scalars = function, scalars
        nodes = [_nodes(a) for a in args]
        wanted = [each for part in nodes for each in part]
        self.around = Surroundings(function)
        self.hidden = [node for node, _ in self.around.nodes if type(node) is Value]
        outputs = self._recorded(_filled(args, wanted))
        if not all(type(each) is Value for each in outputs):
            raise NoGroupsError
        ends = list(accumulate(map(len, nodes), initial=0))
        self.parts = [slice(a, b) for a, b in pairwise(ends)]
        count = len(wanted) if differentiate and outputs[0].requires_grad else 0
        self.grouped = Grouped(outputs, [*wanted, *self.hidden], count, small)
        self.around.watch(self.around.arrays)
        self._compare(args, [1.1 * each.data for part in nodes for each in reversed(part)])

    def __call__(self, args: Sequence[Any]) -> tuple[list[float], tuple[Any, ...]]:
        """The results, and per argument the gradients of the first one: built like the argument, of plain numbers.

        None stands for a number that no gradient reaches; in an array it is 0.
        """
        numbers = [(part, _numbers(a)) for part, a in zip(self.parts, args, strict=True)]
        outputs, gradients = self._run(numbers)
        if self.refuses and unknown(outputs):
            with no_grad():
                self.function(*as_leaves(args, self.scalars)[0])  # it may say what is wrong
        reached = self.grouped.reached
        if not len(reached):  # a constant result, or no gradients wanted
            count = sum(part.stop - part.start for part in self.parts)
            gradients, reached = np.zeros(count), np.zeros(count, bool)
        found = zip(self.parts, args, strict=True)
        return outputs, tuple(_given_back(a, gradients[part], reached[part]) for part, a in found)

    def source(self, args: Sequence[Any]) -> str:
        """The program, as a module of its own."""
        names = argument_names(self.function, len(args))
        parts = {name: part for name, part in zip(names, self.parts, strict=True) if part.stop > part.start}
        end = max([part.stop for part in self.parts], default=0)
        hidden = {f"hidden{i}": slice(end + i, end + i + 1) for i in range(len(self.hidden))}
        name = getattr(self.function, "__name__", "")
        return self.grouped.source(name if name.isidentifier() else "compiled", parts | hidden)

    def script(
        self, title: str, args: Sequence[Any], names: Sequence[str], chosen: Sequence[str], lr: float, steps: int
    ) -> str:
        """A program that starts from the arguments' numbers and changes those whose names are chosen, step by step.

        Raises:
            OpError: no gradient reaches any of them.
        """
        words = [name for name, part in zip(names, self.parts, strict=True) for _ in range(part.start, part.stop)]
        reached = self.grouped.reached.tolist()
        places = [k for k, (word, there) in enumerate(zip(words, reached, strict=False)) if there and word in chosen]
        if not places:
            raise OpError(f"{title} has nothing to train: no argument that a gradient reaches.")
        numbers = np.concatenate([*map(_numbers, args), [node.data for node in self.hidden]]).astype(float)
        return self.grouped.script(title, words, numbers, np.array(places), lr, steps)

    def _recorded(self, given: Sequence[Any]) -> list[Any]:
        """The results of one run, which leaves no trace."""
        try:
            quiet = np.errstate(all="ignore")
            # Either takes as long as the run, so they look only where there may be something to see.
            reads: AbstractContextManager[Any] = noting_reads() if "data" in self.around.words else nullcontext()
            writes = bool(self.around.words & WRITERS)
            effects: AbstractContextManager[Any] = noting_effects(self.around) if writes else nullcontext([])
            with (
                recording(), noting_decisions() as decisions, noting_refusals() as refusals, reads, effects as seen,
                _noting_words() as words, quiet,
            ):  # fmt: skip
                result = self.function(*given)
            self.refuses = bool(refusals)
            changed = self.around.changed()
            drawn = any(generator.get_state() != then for generator, then in self.around.generators.items())
        finally:
            self.around.restore()
        if decisions:
            raise decides(line_text(*decisions[0]))
        if drawn:
            raise CompileError("draws random numbers, which a program of single numbers cannot draw anew")
        if seen:
            raise CompileError(f"has an effect that would happen only once, at {seen[0]}; move it outside")
        if words or changed:
            raise CompileError(f"has an effect that would happen only once: {changed or 'it prints'}")
        return list(result) if isinstance(result, (tuple, list)) else [result]

    def _run(self, numbers: list[tuple[slice, Any]]) -> tuple[list[float], Any]:
        if self.hidden:
            end = numbers[-1][0].stop if numbers else 0
            numbers = [*numbers, (slice(end, end + len(self.hidden)), [node.data for node in self.hidden])]
        return self.grouped(numbers)

    def _compare(self, args: Sequence[Any], others: list[float]) -> None:
        """Try the program elsewhere: a function that reads bare data on its way leaves them in the program."""
        found, _ = self._run([(part, others[part]) for part in self.parts])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = _filled(args, [Value(n, requires_grad=False) for n in others])
            good = agrees(found, lambda: self.function(*given), ())
        self.around.restore()
        if not good:
            raise differs()


def numbers_program(
    function: Callable[..., Any], args: Sequence[Any], differentiate: bool, scalars: bool
) -> Numbers | None:
    """The grouped program for these arguments; None where the general way is the better one, or says better why not.

    Raises:
        CompileError: the arguments ask for a program of numbers, but there can be none.
    """
    asked = scalars or any(is_tree(a) for a in args)
    arrays = any(isinstance(a, (Tensor, np.ndarray, list)) and not is_tree(a) for a in args)
    if arrays and not scalars:
        if asked:
            raise CompileError("takes lists of Values beside arrays; say scalars=True, or pass everything as Tensors")
        return None
    try:
        with _collector_paused():
            return Numbers(function, args, differentiate, scalars, small=asked)
    except (NoGroupsError, CompileError) as reason:
        if not asked:
            return None
        if isinstance(reason, CompileError):
            raise
        raise CompileError(
            "does not make one single number out of Values, or makes so deep a graph of them that few can be computed "
            "together"
        ) from None


def as_leaves(args: Sequence[Any], scalars: bool) -> tuple[list[Any], Callable[[], tuple[Any, ...]]]:
    """What a function is called with eagerly, and a function that gives the gradients once they are there."""
    nodes = [_nodes(a) if scalars or is_tree(a) else [] if is_setting(a) else [leaf(a, "x")] for a in args]
    given = [
        _filled([a], part)[0] if scalars or is_tree(a) else part[0] if part else a
        for a, part in zip(args, nodes, strict=True)
    ]

    def gradients() -> tuple[Any, ...]:
        found: list[Any] = []
        for a, part in zip(args, nodes, strict=True):
            if scalars or is_tree(a):
                numbers = np.array([0.0 if each.grad is None else each.grad for each in part])
                found.append(_given_back(a, numbers, np.array([each.grad is not None for each in part])))
            else:
                found.append(part[0].grad if part else None)
        return tuple(found)

    return given, gradients


def is_tree(a: Any) -> bool:
    """True for lists, tuples and dicts that hold Values."""
    return isinstance(a, (list, tuple, dict)) and (_flat(a) or Value in map(type, leaves(a)))


def parts_of(tree: Any) -> list[Any]:
    """The leaves of a tree; quickly, where it is a plain list of Values."""
    return tree if _flat(tree) else leaves(tree)


def _flat(tree: Any) -> bool:
    return type(tree) is list and set(map(type, tree)) == {Value}


def _nodes(a: Any) -> list[Any]:
    """An argument's numbers as fresh leaves."""
    if is_tree(a):
        return [Value(each.data, each.requires_grad) if isinstance(each, Node) else Value(each) for each in parts_of(a)]
    if isinstance(a, Value):
        return [Value(a.data, a.requires_grad)]
    if isinstance(a, Tensor):
        return [Value(n, a.requires_grad) for n in np.ravel(a.data).tolist()]
    return [] if is_setting(a) else [Value(n) for n in np.ravel(a).tolist()]


def _filled(args: Sequence[Any], nodes: list[Any]) -> list[Any]:
    """What the function is called with: arguments built like `args`, of `nodes`."""
    supply = iter(nodes)
    found: list[Any] = []
    for a in args:
        if is_tree(a):
            found.append(fill(a, [next(supply) for _ in parts_of(a)]))
        elif is_setting(a):
            found.append(a)
        else:
            array = np.empty(a.shape if isinstance(a, Node) else np.shape(a), object)
            for at in np.ndindex(array.shape):
                array[at] = next(supply)
            found.append(array.tolist())
    return found


def _numbers(a: Any) -> Any:
    """An argument's numbers, in order."""
    if is_tree(a):
        return [each.data if isinstance(each, Node) else each for each in parts_of(a)]
    return () if is_setting(a) else np.ravel(a.data if isinstance(a, Node) else a)


def _given_back(a: Any, gradients: Any, reached: Any) -> Any:
    """The gradients of an argument, built like it."""
    if is_tree(a):
        numbers = [g if there else None for g, there in zip(gradients.tolist(), reached.tolist(), strict=True)]
        return numbers if _flat(a) else fill(a, numbers)
    if is_setting(a):
        return None
    shape = a.shape if isinstance(a, Node) else np.shape(a)
    return gradients.reshape(shape) if shape else float(gradients[0]) if reached[0] else None


@contextmanager
def _noting_words() -> Iterator[list[str]]:
    """Collect what is printed meanwhile; it is printed all the same."""
    noted: list[str] = []
    before = sys.stdout

    class Noting:
        def write(self, text: str) -> int:
            noted.append(text)
            return before.write(text)

        def __getattr__(self, name: str) -> Any:
            return getattr(before, name)

    sys.stdout = Noting()
    try:
        yield noted
    finally:
        sys.stdout = before


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Python's cyclic collector would visit a large graph again and again while it grows."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
