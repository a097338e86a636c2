"""`compile`: a function traced once per signature, then run as the straight-line program that was made from it."""

import warnings
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from microgradx.compiler.form import Form, Kind
from microgradx.compiler.grouped.call import Numbers, as_leaves, is_tree, numbers_program, parts_of
from microgradx.compiler.guards import Surroundings
from microgradx.compiler.joint import CompileError, differs
from microgradx.compiler.program import Recorded, agrees, as_node, follows, is_setting, other, raw, record, unknown
from microgradx.compiler.targets import runner
from microgradx.compiler.to_numpy import buffers, emit
from microgradx.graph import Node, OpError, Tensor, Value, no_grad

MOST = 32  # programs kept per function; a new signature then replaces the oldest


class Program(NamedTuple):
    """What the calls of one signature run."""

    form: Form
    run: Callable[..., Any]  # of the raw arguments: (outputs, gradients, updates)
    recorded: Recorded

    @property
    def around(self) -> Surroundings:
        """What the function found around it."""
        return self.recorded.around


class Compiled:
    """A function that runs as a program.

    Calling it gives what the function gives, as constants; `value_and_grad` gives the value and the gradients.
    """

    def __init__(
        self, function: Callable[..., Any], fullgraph: bool, scalars: bool = False, target: str = "numpy"
    ) -> None:
        self.function, self.fullgraph, self.scalars = function, fullgraph, scalars
        self.grouped = target == "numpy"  # other targets have loops of their own for many numbers
        self.make = runner(target)
        self.programs: dict[Any, Program | Numbers | str] = {}  # by the kinds of the arguments; or why there is none
        self.traces = 0
        update_wrapper(self, function)

    def __call__(self, *args: Any) -> Any:
        """The function's result, computed by the compiled program; no gradient flows through it."""
        built = self._program(args, differentiate=False)
        results = built(args) if isinstance(built, Numbers) else None if built is None else run(built, args)
        if results is None:
            with no_grad():
                return self.function(*as_leaves(args, self.scalars)[0])
        nodes = [as_node(each) for each in results[0]]
        return nodes[0] if len(nodes) == 1 else tuple(nodes)

    def value_and_grad(self, *args: Any) -> tuple[Any, tuple[Any, ...]]:
        """(value, gradients): raw numbers and arrays, one gradient per argument (None: nothing to differentiate)."""
        built = self._program(args, differentiate=True)
        if isinstance(built, Numbers):
            numbers, found = built(args)
            return numbers[0], found
        results = None if built is None else run(built, args)
        if built is None or results is None:
            return _eagerly(self.function, args, self.scalars)
        outputs, gradients = results[:2]
        kinds, names = built.form.kinds(), iter(built.form.arguments)
        passed = [None if is_setting(a) else next(names) for a in args]
        parts = tuple(_of_kind(gradients.get(name), kinds[name]) if name else None for name in passed)
        return _of_kind(outputs[0], kinds[built.form.outputs[0]]), parts

    def repeated(self, *args: Any) -> Callable[[], Any]:
        """A function of nothing that gives the raw results for these very arguments, whenever it is called.

        With target "c" nothing but the C function runs: it sees new numbers in the same arrays, writes its results into
        the same arrays each time, and serves one thread at a time. One number comes as a float, all else in a tuple.
        """
        built = self._program(args, differentiate=False)
        again = getattr(built.run, "repeated", None) if isinstance(built, Program) else None
        if again is not None:
            assert isinstance(built, Program)
            return again(*raw(args), *built.recorded.hidden())  # type: ignore[no-any-return]  # Native's own

        def call() -> Any:
            found = self(*args)
            return (
                found.data
                if isinstance(found, Value)
                else tuple(n.data for n in found)
                if type(found) is tuple
                else (found.data,)
            )

        return call

    def source(self, *args: Any, differentiate: bool = True, buffers: bool = False) -> str:
        """The program for arguments like these, as a person would write it; CompileError when there can be none.

        With `buffers`, the form in which it is run: every result in memory that is kept from call to call; with target
        "c" the file of C that was built, and in which turn its functions and NumPy's products are called.
        """
        found = numbers_program(self.function, args, differentiate, self.scalars)
        if found is not None:
            return found.source(args)
        return source(
            self._form(record(self.function, args, differentiate)),
            _title(self.function),
            self.make if buffers else None,
        )

    @property
    def stats(self) -> dict[str, Any]:
        """How many programs there are, how many fit, how often the function was traced, and why it runs eagerly."""
        reasons = [each for each in self.programs.values() if isinstance(each, str)]
        grouped = [each.grouped.summary for each in self.programs.values() if isinstance(each, Numbers)]
        made = {"programs": len(self.programs) - len(reasons), "most": MOST, "traces": self.traces, "eager": reasons}
        return made | ({"grouped": grouped} if grouped else {})

    def _program(self, args: tuple[Any, ...], differentiate: bool) -> Program | Numbers | None:
        """The program for arguments of this kind; None where the function cannot be compiled."""
        key = (differentiate, *[(a.shape, a.dtype) if type(a) is ndarray else _signature(a) for a in args])
        built = self.programs.get(key)
        if built is None or (not isinstance(built, str) and not built.around.same()):
            if built is None and len(self.programs) >= MOST:
                self.programs.pop(next(iter(self.programs)))
            try:
                built = self._build(args, differentiate)
            except CompileError as reason:
                if self.fullgraph:
                    raise
                warnings.warn(f"{reason} It runs eagerly.", stacklevel=3)
                built = str(reason)
            self.programs[key] = built
        return None if isinstance(built, str) else built

    def _build(self, args: tuple[Any, ...], differentiate: bool) -> Program | Numbers:
        self.traces += 1
        grouped = self.grouped or self.scalars or any(map(is_tree, args))
        found = numbers_program(self.function, args, differentiate, self.scalars) if grouped else None
        if found is not None:
            return found
        recorded = record(self.function, args, differentiate)
        form = self._form(recorded)
        built = Program(form, self.make(form), recorded)
        others = tuple(map(other, args))

        def agree() -> bool:
            found = run(built, others)
            recorded.around.restore()
            good = found is None or agrees(found[0], self.function, others)
            recorded.around.restore()
            return good

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not follows(recorded.around, agree):
                raise differs()
        return built

    def _form(self, recorded: Recorded) -> Form:
        """The recorded graph, with gradients for what is passed alone."""
        graph = recorded.graph
        passed = len(graph.arguments) - len(graph.hidden)
        graph.gradients = {i: g for i, g in graph.gradients.items() if i < passed}
        return recorded.form(_title(self.function))


def _title(function: Any) -> str:
    """What a program is called: a lambda, and a model, have no name that a program could have."""
    name = getattr(function, "__name__", type(function).__name__)
    return name if name.isidentifier() else "compiled"


def run(built: Program, args: tuple[Any, ...]) -> Any:
    """The program's results; None where the engine is to say what they are, or what is wrong.

    Python raises in a float op where IEEE has an answer; and a nan may be what the function refuses.
    """
    try:
        found = built.run(*raw(args), *built.recorded.hidden())  # without NumPy's warnings, see `guarded`
    except (ArithmeticError, ValueError, IndexError):
        return None
    return None if built.recorded.graph.refuses and unknown(found[0]) else found


def source(form: Form, name: str, make: Callable[..., Any] | None) -> str:
    """A form as Python to read; or as what `make` runs: NumPy calls into kept memory, or C."""
    if make is None:
        return emit.function_source(form, name)
    return getattr(make(form), "text", "") or buffers.source(form, name=name)[0]


def _of_kind(data: Any, kind: Kind) -> Any:
    """A number as a Python float; an array without axes as an array, where NumPy makes a scalar of it."""
    return data if data is None else float(data) if kind.scalar else np.asarray(data)


def _eagerly(function: Callable[..., Any], args: tuple[Any, ...], scalars: bool) -> tuple[Any, tuple[Any, ...]]:
    given, gradients = as_leaves(args, scalars)
    output = function(*given)
    output.backward()
    return output.data, gradients()


def compile(
    function: Callable[..., Any], fullgraph: bool = False, scalars: bool = False, target: str = "numpy"
) -> Compiled:
    """Compile a function of Values, Tensors, numbers and arrays; also as a decorator.

    A function of Values may take lists, tuples and dicts of them. Where it makes hundreds of nodes, those that do the
    same work are computed together, as arrays. With `scalars`, arrays go into the function as nested lists of Values,
    and their gradients come out as arrays: a step then costs nothing per parameter.

    The function is run once for every new combination of shapes, dtypes and kinds of arguments, and of settings (words,
    True and False, tuples); its Python code (loops, ifs on plain numbers) runs only then. What it finds around it
    (weights, arrays, numbers) may change: new data are seen, a new number or setting makes a new program. Where it
    branches on a node's value, prints, or changes something outside itself, it runs eagerly, with a warning that names
    the line; with `fullgraph` that is a CompileError. Numbers that it refuses (a probability above 1) are refused in
    every call; `repeated` alone, with target "c", gives nan there.

    The program runs as NumPy calls; with target "c" as loops in C, which is the faster the smaller the arrays are.
    Large products between them, and sums along long rows, are left to NumPy. That takes a C compiler and the extra
    `native`; without them, and for what NumPy does better as a whole (convolutions), it says so and runs as NumPy.

    >>> import microgradx as mx
    >>> square = mx.compile(lambda x: x * x)
    >>> square.value_and_grad(3.0)
    (9.0, (6.0,))
    """
    return Compiled(function, fullgraph, scalars, target)


def _signature(a: Any) -> Any:
    if is_tree(a):
        return (_shape(a), *(isinstance(each, Node) and each.requires_grad for each in parts_of(a)))
    if isinstance(a, (Value, Tensor)):
        return (type(a).__name__, a.shape, a.dtype, a.requires_grad)
    if is_setting(a):
        return ("setting", a)
    if isinstance(a, (int, float)):
        return "number"
    if isinstance(a, (np.ndarray, list)):
        array = np.asarray(a)
        return (array.shape, array.dtype)
    raise OpError(f"a compiled function takes nodes, numbers, arrays and settings, not {type(a).__name__}.")


def _shape(tree: Any) -> Any:
    """How a tree is built, as something that can be compared."""
    if parts_of(tree) is tree:
        return len(tree)
    if isinstance(tree, dict):
        return tuple((key, _shape(part)) for key, part in tree.items())
    return (type(tree), *map(_shape, tree)) if isinstance(tree, (tuple, list)) else tree is None
