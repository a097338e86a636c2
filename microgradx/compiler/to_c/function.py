"""A form as one C function, `int compute(const double *in, double *out, void *const *at)`, for `native` to build.

Numbers that are passed come `in`, numbers that are returned go `out`; every array lies `at` an address. It gives 0, or
1 where a label is none of its classes: then nothing has been computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from microgradx.compiler.form import Form, Kind
from microgradx.compiler.joint import CompileError
from microgradx.compiler.to_c.loops import Lowering
from microgradx.compiler.to_c.rows import ctype
from microgradx.compiler.to_c.stages import refuse_large
from microgradx.compiler.to_c.words import program, speakable
from microgradx.compiler.to_c.write import Body
from microgradx.compiler.to_numpy.buffers import Fixed

LONGEST = 6000  # statements that a C compiler takes within seconds
HEAD = "int {}(const double *restrict in, double *restrict out, void *const *at)"


@dataclass
class Address:
    """What lies at an address: an argument, a result that a call makes, or a fixed array."""

    name: str  # its name in the form
    kind: Kind
    array: Any = None  # None: passed, or made, in each call
    comes: bool = False  # it is an argument


@dataclass
class Source:
    """The function, and what lies where; names are those of the form."""

    body: str = ""
    come_in: list[str] = field(default_factory=list)  # arguments that are numbers
    go_out: list[str] = field(default_factory=list)  # results that are numbers
    at: list[Address] = field(default_factory=list)


def source(form: Form, fixed: Fixed) -> Source:
    """A form as a C function.

    Raises:
        CompileError: C has no form for a step, or NumPy is the better place for it.
    """
    return _Function(form, fixed).run()


def written(functions: Mapping[str, Source]) -> str:
    """Functions, by name, as one C file."""
    texts = [f"{HEAD.format(name)} {{\n{each.body}\n}}\n" for name, each in functions.items()]
    return program("\n".join(each.body for each in functions.values())) + "\n".join(texts)


def returned(form: Form, fixed: Fixed) -> list[str]:
    """The results that a call gives back, rather than leaving them in a fixed array."""
    gradients = [n for a, n in form.gradients.items() if a not in fixed.gradients]
    updates = [n for a, n in form.updates.items() if a not in fixed.updates]
    return list(dict.fromkeys([*form.outputs, *gradients, *updates]))


class _Function:
    def __init__(self, form: Form, fixed: Fixed) -> None:
        self.form, self.fixed, self.found = form, fixed, Source()
        self.names, spoken = speakable(form)  # name in the form -> variable
        self.lowered = Lowering(spoken, fast=True)
        refuse_large(self.lowered)
        _refuse_long(self.lowered)
        self.before: list[str] = []
        self.after: list[str] = []
        self.outside = {self.names[a] for a in form.arguments}
        self.into: dict[str, str] = {}  # a result's variable -> the argument that it replaces

    def run(self) -> Source:
        """Give everything its place, then write the loops."""
        form, fixed = self.form, self.fixed
        targets = [(form.gradients[a], array) for a, array in fixed.gradients.items()]
        targets += [(form.updates[a], array) for a, array in fixed.updates.items()]
        for n in dict.fromkeys([*returned(form, fixed), *(n for n, _ in targets)]):
            if n in form.arguments or n in form.constants:  # a result that is no step: copy it
                variable = f"{self.names[n]}_result"
                self.lowered.copied(self.names[n], variable, "update")
                self.names[f"{n}:result"] = variable
        self.lowered.share()
        owners = {id(array): a for a, array in fixed.arrays.items()}
        replaced = {owners[id(array)] for _, array in targets if id(array) in owners}
        for a, kind in form.arguments.items():
            self._argument(a, kind, a in replaced)
        placed: set[str] = set()
        for n, array in targets:
            self._target(n, array, owners.get(id(array)), placed)
        for n in returned(form, fixed):
            self._returned(n, placed)
        body = Body(self.lowered, self.outside, self.into, "static __thread", lanes=True)
        lines = [*body.tables(), *self.before, *body.checks(), *body.lines(), *self.after, "return 0;"]
        self.found.body = "\n".join(f"    {line}" for line in lines)
        return self.found

    def _address(self, name: str, kind: Kind, array: Any = None, comes: bool = False) -> int:
        if array is not None and not ((array.shape, array.dtype) == kind[1:] and array.flags.c_contiguous):
            raise CompileError(f"keeps {name} in an array of another kind than {kind}; the numpy target can use it")
        self.found.at.append(Address(name, kind, array, comes))
        return len(self.found.at) - 1

    def _argument(self, a: str, kind: Kind, changes: bool) -> None:
        variable, array = self.names[a], self.fixed.arrays.get(a)
        if array is None and not kind.shape:
            self.before.append(f"const {ctype(kind)} {variable} = in[{len(self.found.come_in)}];")
            self.found.come_in.append(a)
            return
        k = self._address(a, kind, array, comes=True)
        if kind.shape:
            self._pointer(variable, kind, k, "" if changes else "const ")
        else:
            self.before.append(f"{ctype(kind)} {variable} = *(const {ctype(kind)} *)at[{k}];")
            if changes:
                self.after.append(f"*({ctype(kind)} *)at[{k}] = {variable};")

    def _target(self, n: str, array: Any, owner: str | None, placed: set[str]) -> None:
        variable, kind = self._result(n)
        if owner is not None and variable not in self.into and n not in placed:
            self.into[variable] = self.names[owner]
            if array.dtype != kind.dtype:
                raise CompileError(f"changes {owner} to another dtype, {kind}; the numpy target can do it")
        elif not kind.shape or n in placed or variable in self.into:  # a copy
            k = self._address(n, kind, array)
            size = f"sizeof({ctype(kind)}[{prod(kind.shape)}])"
            self.after.append(f"memcpy(at[{k}], {'' if kind.shape else '&'}{self._kept(variable)}, {size});")
        else:
            self._pointer(variable, kind, self._address(n, kind, array))
            self.outside.add(variable)
        placed.add(n)

    def _returned(self, n: str, placed: set[str]) -> None:
        variable, kind = self._result(n)
        if not kind.shape:
            self.after.append(f"out[{len(self.found.go_out)}] = {self._kept(variable)};")
            self.found.go_out.append(n)
            return
        k = self._address(n, kind)
        if n in placed:
            self.after.append(f"memcpy(at[{k}], {self._kept(variable)}, sizeof({ctype(kind)}[{prod(kind.shape)}]));")
        else:
            self._pointer(variable, kind, k)
            self.outside.add(variable)

    def _kept(self, variable: str) -> str:
        """What holds a result in the end: it may have replaced an argument."""
        return self.into.get(variable, variable)

    def _result(self, n: str) -> tuple[str, Kind]:
        variable = self.names.get(f"{n}:result", self.names[n])
        return variable, self.lowered.kinds[variable]

    def _pointer(self, variable: str, kind: Kind, k: int, const: str = "") -> None:
        inner = "".join(f"[{n}]" for n in kind.shape[1:])
        star = f"(*restrict {variable}){inner}" if inner else f"*restrict {variable}"
        self.before.append(f"{const}{ctype(kind)} {star} = at[{k}];")


def _refuse_long(lowered: Lowering) -> None:
    count = sum(len(loop.statements) for loop in lowered.loops)
    if count > LONGEST:
        raise CompileError(
            f"takes {count:,} lines of C, which a C compiler would work on for minutes; write it for one sample and "
            "give it arrays of samples, then it is one loop over the batch; the numpy target runs it as it is"
        )
