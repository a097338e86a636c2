"""The C target as a function: loops built by the system's C compiler, called through cffi (extra `native`).

A build is kept in the user's cache folder under a hash of its source, flags, compiler and processor, so the next
process loads it at once; a second process that builds the same meanwhile does no harm (the file is renamed into place).
Only what IEEE allows is asked of the compiler: no -ffast-math, no fused multiply-add that NumPy would not make.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from microgradx.compiler.form import Form
from microgradx.compiler.joint import CompileError
from microgradx.compiler.program import Recorded
from microgradx.compiler.to_c.function import HEAD, Source, source, written
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.compiler.update import add_updates
from microgradx.graph import MicrogradxError, OpError, Tensor
from microgradx.graph.errors import install
from microgradx.optim import Optimizer

FLAGS = ("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-std=gnu99", "-fPIC", "-shared", "-w")
LEVELS = ("-O3", "-O2")  # the second for long programs: it takes a third less time, and their loops gain nothing
LONG = 20_000  # characters
WRONG = "labels and indices must lie from 0 to below the number of classes or rows; nothing was computed."
TUNED = ("-march=native", "-fvect-cost-model=dynamic")  # left out where the compiler does not know them


class NoCompilerError(MicrogradxError):
    """There is no C compiler, or no cffi, to build and call C with."""


def build(text: str) -> Path:
    """The C source as a shared library; its path.

    Raises:
        NoCompilerError: there is no C compiler, or it fails.
    """
    compiler = shlex.split(os.environ.get("CC", "")) or [c for c in ("cc", "gcc", "clang") if shutil.which(c)][:1]
    if not compiler or not shutil.which(compiler[0]):
        raise NoCompilerError("no C compiler was found (cc, gcc or clang; the variable CC may name another).")
    flags = [*FLAGS, LEVELS[len(text) > LONG]]
    key = hashlib.sha256("\0".join([text, *compiler, *flags, *TUNED, _machine()]).encode()).hexdigest()[:32]
    folder = _cache()
    library = folder / f"{key}.so"
    if library.exists():
        return library
    with tempfile.TemporaryDirectory(dir=folder) as place:
        code, made = Path(place, "step.c"), Path(place, "step.so")
        code.write_text(text, "utf-8")
        for tuned in (TUNED, ()):
            command = [*compiler, *flags, *tuned, str(code), "-o", str(made), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                made.replace(library)
                return library
    first = next(iter(done.stderr.splitlines()), "it says nothing")
    raise NoCompilerError(f"the C compiler {compiler[0]} failed: {first}")


def _cache() -> Path:
    """The folder of builds; a temporary one where the user's cache cannot be written."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "microgradx" / "c"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return _temporary()


@cache
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="microgradx-"))


@cache
def _machine() -> str:
    """What -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line for line in lines if line.startswith(("model name", "flags", "Features"))][:2]
    return " ".join([platform.machine(), platform.processor(), *words])


@cache
def _ffi() -> Any:
    try:
        from cffi import FFI
    except ImportError as missing:
        raise NoCompilerError(f"cffi is not installed. Install it with: {install('native')}.") from missing
    return FFI()


def library(text: str, names: Iterable[str]) -> Any:
    """C source, built: an object with its functions, which live as long as it does.

    Raises:
        NoCompilerError: no C compiler, or no cffi.
    """
    ffi = type(_ffi())()  # one of its own, as all programs call their functions the same
    ffi.cdef("\n".join(f"{HEAD.format(name).replace('restrict ', '')};" for name in names))
    return ffi.dlopen(str(build(text)))


def native(form: Form, fixed: Fixed | None = None) -> "Native":
    """The form, built, as a function of its arguments but the fixed ones: (outputs, gradients, updates).

    Raises:
        CompileError: C has no form for a step, or NumPy is the better place for it.
        NoCompilerError: no C compiler, or no cffi.
    """
    fixed = fixed or Fixed()
    found = source(form, fixed)
    text = written({"compute": found})
    run = Native(form, fixed, found, library(text, ["compute"]))
    run.text = text
    return run


class Native:
    """A form as a function in C: numbers and addresses are filled in, then it runs."""

    text = ""  # the file that it was built from

    def __init__(self, form: Form, fixed: Fixed, found: Source, library: Any, name: str = "compute") -> None:
        self.ffi, self.library, self.compute = _ffi(), library, getattr(library, name)
        ffi = self.ffi
        self.inward = ffi.new("double[]", max(1, len(found.come_in)))
        self.outward = ffi.new("double[]", max(1, len(found.go_out)))
        self.at = ffi.new("void *[]", max(1, len(found.at)))
        self.lock, self.form, self.fixed, kinds = Lock(), form, fixed, form.kinds()
        passed = [a for a in form.arguments if a not in fixed.arrays]
        self.count, self.numbers = len(passed), [passed.index(a) for a in found.come_in]
        self.arrays: list[tuple[int, int, Any]] = []  # (place among the arguments, address, kind)
        self.fresh: list[tuple[str, int, Any]] = []  # (result, address, kind)
        for k, each in enumerate(found.at):
            if each.array is not None:
                self.at[k] = ffi.from_buffer(each.array)
            elif each.comes:
                self.arrays.append((passed.index(each.name), k, each.kind))
            else:
                self.fresh.append((each.name, k, each.kind))
        self.seen: list[Any] = [None] * len(passed)  # the array whose address is in place
        self.go_out = [(n, k, kinds[n]) for k, n in enumerate(found.go_out)]
        self.gradients = {a: n for a, n in form.gradients.items() if a not in fixed.gradients}
        self.updates = {a: n for a, n in form.updates.items() if a not in fixed.updates}

    def __call__(self, *args: Any) -> Any:
        """(outputs, gradients, updates) for these arguments."""
        with self.lock:  # the addresses serve one call at a time
            held = self._filled_in(args)
            if self.compute(self.inward, self.outward, self.at):
                raise IndexError(WRONG)  # whoever calls asks the engine, which says more
            for n, k, kind in self.go_out:
                held[n] = self.outward[k] if kind.scalar else kind.dtype.type(self.outward[k])
        outputs = tuple([held[n] for n in self.form.outputs])
        return outputs, {a: held[n] for a, n in self.gradients.items()}, {a: held[n] for a, n in self.updates.items()}

    def repeated(self, *args: Any) -> Callable[[], Any]:
        """The call with these arguments, to be made often: nothing but the C function runs.

        It reads the arrays as they are then, writes into the same results each time, and gives the outputs alone: a
        float where there is one and it is a number, else a tuple. One thread at a time may call it.
        """
        held = self._filled_in(args)
        compute, inward, outward, at = self.compute, self.inward, self.outward, self.at
        numbers = {n: k for n, k, _ in self.go_out}
        names = self.form.outputs
        arrays = tuple(held.get(n) for n in names)

        def number(kept: Any = (self, held)) -> Any:  # the arrays must live as long as this function
            if compute(inward, outward, at):
                raise OpError(WRONG)
            return outward[first]

        def same_arrays(kept: Any = (self, held)) -> Any:
            if compute(inward, outward, at):
                raise OpError(WRONG)
            return arrays

        def both(kept: Any = (self, held)) -> Any:
            if compute(inward, outward, at):
                raise OpError(WRONG)
            return tuple([outward[numbers[n]] if n in numbers else held[n] for n in names])

        first = numbers.get(names[0], 0) if names else 0
        return same_arrays if not numbers.keys() & set(names) else number if len(names) == 1 else both

    def _filled_in(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """Put numbers and addresses in place; the arrays for the results."""
        if len(args) != self.count:
            raise TypeError(f"{self.form.title} takes {self.count} arguments, not {len(args)}")
        for k, i in enumerate(self.numbers):
            self.inward[k] = args[i]
        for place, k, kind in self.arrays:
            if args[place] is not self.seen[place]:
                self._place(place, k, kind, args[place])
        held: dict[str, Any] = {}
        for n, k, kind in self.fresh:
            held[n] = array = np.empty(kind.shape, kind.dtype)
            self.at[k] = self.ffi.from_buffer(array)
        return held

    def _place(self, i: int, k: int, kind: Any, array: Any) -> None:
        whole = np.ascontiguousarray(array, kind.dtype)
        if whole.shape != kind.shape:
            raise ValueError(f"argument {i + 1} has shape {whole.shape}, not {kind.shape}")
        self.at[k] = self.ffi.from_buffer(whole)
        self.seen[i] = whole  # not `array` where that had to be copied: its numbers may change


def one_function(recorded: Recorded, optimizer: Optimizer, batch: list[Any]) -> Callable[[], float]:
    """A recorded training step with its update as one C function on these arrays, to be called often.

    Raises:
        CompileError: the optimizer remembers something, or the step reads more than arrays.
        NoCompilerError: no C compiler, or no cffi.
    """
    graph, (group, *others) = recorded.graph, optimizer.param_groups
    memory: dict[str, Any] = {}
    optimizer.rule(np.ones(1), np.ones(1), memory, **{name: group[name] for name in optimizer.defaults})
    if memory or others or recorded.draws or not all(isinstance(node, Tensor) for node in graph.hidden):
        raise CompileError("takes a step that is more than one function of arrays")
    add_updates(graph, optimizer)
    graph.gradients = {}
    form = recorded.form("training step")
    for node in graph.hidden:
        node.data = np.ascontiguousarray(node.data)
    arrays = [*batch, *(node.data for node in graph.hidden)]
    names = dict(zip(graph.arguments, form.arguments, strict=True))
    fixed = Fixed(dict(zip(form.arguments, arrays, strict=False)))
    fixed.updates = {names[graph.arguments[i]]: arrays[i] for i in graph.updates}
    run = native(form, fixed)
    run.repeated(group["lr"])
    compute, inward, outward, at = run.compute, run.inward, run.outward, run.at

    def step(kept: Any = run) -> float:  # its arrays must live as long as this function
        inward[0] = group["lr"]
        if compute(inward, outward, at):
            raise OpError(WRONG)
        return outward[0]  # type: ignore[no-any-return]  # cffi gives a float

    return step
