"""One call as a line of the program: its operands, and where its result goes."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.compiler.to_numpy.calls import Call, Listed
from microgradx.compiler.to_numpy.pieces import Piece, joins, parts, shapes_of
from microgradx.compiler.to_numpy.places import in_memory, number
from microgradx.compiler.to_numpy.rows import literal
from microgradx.compiler.to_numpy.stand_in import Name, names_in

_SMALL = 4096  # elements; of more, NumPy adds up pairs of pairs, which is more exact


# How single numbers are written.
_OPERATORS = {
    "np.add": "{0} + {1}", "np.subtract": "{0} - {1}", "np.multiply": "{0} * {1}", "np.divide": "{0} / {1}",
    "np.negative": "-{0}",
}  # fmt: skip


@dataclass
class Lines:
    """What the writing of lines needs to know; all of it grows while the program is written."""

    found: Listed
    written: Mapping[str, str]  # a name of a call, argument or constant -> how it is written
    places: Mapping[str, str]  # a name of a call -> its place
    pieces: Mapping[str, Piece]
    before: Callable[..., str]  # the name of something that is made once, before the first call

    def __post_init__(self) -> None:
        self.calls, self.shapes = {call.name: call for call in self.found.calls}, shapes_of(self.found)

    def text(self, call: Call, out: str) -> str:
        """The line that computes a call, into `out` where that is not empty."""
        operands = [self._operand(o, call) for o in call.operands]
        if call.how == "memory":
            shape, axes = in_memory(call.sample)
            return f"np.empty({shape}, '{call.sample.dtype}')" + (f".transpose({axes})" if axes else "")
        if call.how == "write" and call.text == "np.copyto":
            return f"{self.before('np.copyto')}({operands[1]}, {operands[0]})"
        if call.how == "copy" and out:
            return f"{self.before('np.copyto')}({out}, {operands[0]}, 'unsafe')"
        if call.how == "put":
            return self._put(call, operands, out)
        if call.how == "turned" and out:
            return f"np.copyto({out}, {operands[0]}.T)"
        if "{" in call.text:
            return call.text.format(*operands)
        if call.how == "reduce":
            return self._reduction(call, operands[0], out)
        if joins(call) and out:
            return self._joined(call, operands[0], out)
        if call.how == "ufunc" and not call.sample.ndim and call.text in _OPERATORS and self._numbers(call):
            return _OPERATORS[call.text].format(*(self._number(o) for o in call.operands))
        keywords = [f"{k}={ast.unparse(literal(v, self.found.needed))}" for k, v in call.keywords.items()]
        if out:
            operands.append(f"out={out}" if call.text in ("np.maximum", "np.minimum") else out)
        if call.text == "np.dot" and isinstance(call.operands[0], Name):  # the method starts sooner than the function
            return f"{operands[0]}.dot({', '.join(operands[1:])})"
        function = self.before(call.text) if call.text.startswith("np.") else call.text
        return f"{function}({', '.join([*operands, *keywords])})"

    def _numbers(self, call: Call) -> bool:
        """True for floats of NumPy's alone: these know operators, which start sooner than functions."""
        kinds = {self._sample(o).dtype for o in call.operands if isinstance(o, Name) and self._sample(o) is not None}
        scalars = any(self._sample(o) is None for o in call.operands if isinstance(o, Name))
        return not scalars and len(kinds) == 1 and kinds.pop().kind == "f" and not call.keywords

    def _number(self, operand: Any) -> str:
        if isinstance(operand, np.ndarray):  # of another dtype than its neighbour, which a plain number would not say
            return self.before(ast.unparse(literal(operand, self.found.needed)), "c1")
        text = self.written.get(operand, operand) if isinstance(operand, Name) else number(operand)
        return f"({text})" if text.startswith("-") else text

    def _reduction(self, call: Call, x: str, out: str) -> str:
        axis, keeps = call.keywords.get("axis", 0), call.keywords.get("keepdims", False)
        whole = self.calls.get(call.operands[0])
        shape: tuple[int, ...] = () if whole is None else whole.sample.shape
        floats = call.text == "np.add.reduce" and whole is not None and whole.sample.dtype.char in "fd" and not keeps
        floats = floats and whole is not None and whole.sample.flags.c_contiguous
        if floats and whole is not None and whole.name in self.places:  # a product with ones is sooner done
            dtype, size = whole.sample.dtype, whole.sample.size
            if axis == 0 and len(shape) == 2:
                ones = self.before(f"np.ones({shape[0]}, '{dtype}')", f"ones_{shape[0]}")
                return f"{ones}.dot({', '.join(filter(None, [x, out]))})"
            if axis is None and size <= _SMALL:
                ones = self.before(f"np.ones({size}, '{dtype}')", f"ones_{size}")
                return f"{ones}.dot({self.before(f'{x}.reshape(-1)', f'{x}_flat')})"
        parts = [x, repr(axis), *(["None", out or "None"] if out or keeps else []), *(["True"] if keeps else [])]
        return f"{self.before(call.text)}({', '.join(parts)})"

    def _put(self, call: Call, operands: list[str], out: str) -> str:
        """Some numbers changed, counted from the first one, in place or in a copy."""
        flat = self.before(f"{out}.reshape(-1)") if out else f"{call.name}.reshape(-1)"
        change = call.text.format(flat, *operands[1:])
        copied = f"np.copyto({out}, {operands[0]})" if out else f"np.array({operands[0]}, order='C')"
        return change if out == operands[0] else f"{copied}\n{change}"

    def _joined(self, call: Call, text: str, out: str) -> str:
        """Pieces side by side: those that are not in their places yet are copied there."""
        left = [(n, key) for n, key in parts(call, self.shapes) if self.pieces.get(n) != (call.name, key)]
        if len(left) < len(call.operands[0]):
            return "\n".join(f"np.copyto({self.before(f'{out}[{key}]')}, {self.written.get(n, n)})" for n, key in left)
        flat = call.text == "np.stack" and call.keywords.get("axis", 0) == 0 and call.sample.ndim > 1
        flat = flat and call.sample.flags.c_contiguous
        if flat:  # np.stack would look at every piece in Python
            out = self.before(f"{out}.reshape({(-1, *call.sample.shape[2:])})")
        function = self.before("np.concatenate" if flat else call.text)
        return f"{function}({text}, {call.keywords.get('axis', 0)}, {out})"

    def _operand(self, operand: Any, call: Call) -> str:
        if isinstance(operand, Name):
            return self.written.get(operand, operand)
        if isinstance(operand, list):
            return f"[{', '.join(self._operand(each, call) for each in operand)}]"
        arrays = [self._sample(n) for n in names_in(call.operands)]
        kinds = [*{a.dtype for a in arrays if a is not None}]
        if call.how == "ufunc" and isinstance(operand, (int, float)) and len(kinds) == 1 and kinds[0].kind == "f":
            return self.before(f"np.array({number(operand)}, '{kinds[0]}')", "c1")
        return number(operand) if isinstance(operand, float) else ast.unparse(literal(operand, self.found.needed))

    def _sample(self, name: str) -> Any:
        if name in self.calls:
            return self.calls[name].sample
        kind = self.found.form.arguments.get(name)
        return self.found.constants.get(name) if kind is None else None if kind.scalar else np.empty(0, kind.dtype)
