"""Expressions as C text: Python's own syntax trees, printed with C's operators, types and numbers.

A tree stands for one number. `Z[i, j]` is an entry of an array, printed as Z[i][j]; `//` is C's division of indices,
and a call of a type's name is a cast.
"""

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Index = tuple[ast.expr, ...]
TYPES = {
    "float64": "double", "float32": "float", "int64": "int64_t", "int32": "int32_t", "int16": "int16_t",
    "int8": "int8_t", "uint8": "uint8_t", "bool": "bool",
}  # fmt: skip
_RANKS = {ast.Or: 1, ast.And: 2, ast.Add: 5, ast.Sub: 5, ast.Mult: 6, ast.Div: 6, ast.FloorDiv: 6, ast.Mod: 6}
_SIGNS = {
    ast.Or: "||", ast.And: "&&", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "/",
    ast.Mod: "%", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_CHOICE, _COMPARE, _UNARY, _WHOLE = 0, 3, 7, 9


def text(tree: ast.expr) -> str:
    """The tree as a C expression."""
    return _written(tree)[0]


def _written(tree: ast.expr) -> tuple[str, int]:
    """C text, and how tightly it binds."""
    match tree:
        case ast.Name(id=name):
            return name, _WHOLE
        case ast.Constant(value=value, kind=kind):
            shown = number(value, kind)
            return shown, _UNARY if shown[0] == "-" else _WHOLE
        case ast.Subscript(value=array, slice=ast.Tuple(elts=at)):
            return text(array) + "".join(f"[{text(each)}]" for each in at), _WHOLE
        case ast.Call(func=ast.Name(id=name), args=args) if name in TYPES.values():
            return f"({name}){_at_least(_UNARY, args[0])}", _UNARY
        case ast.Call(func=ast.Name(id=name), args=args):
            return f"{name}({', '.join(map(text, args))})", _WHOLE
        case ast.UnaryOp(op=sign, operand=part):
            inner = _at_least(_UNARY, part)
            return ("!" if isinstance(sign, ast.Not) else "- " if inner[0] == "-" else "-") + inner, _UNARY
        case ast.BinOp(left=left, op=binary, right=right):
            rank = _RANKS[type(binary)]
            return f"{_at_least(rank, left)} {_SIGNS[type(binary)]} {_at_least(rank + 1, right)}", rank
        case ast.BoolOp(op=joint, values=parts):
            sign_text = f" {_SIGNS[type(joint)]} "
            return sign_text.join(_at_least(_COMPARE, part) for part in parts), _RANKS[type(joint)]
        case ast.Compare(left=left, ops=[compare], comparators=[right]):
            return f"{_at_least(_COMPARE + 1, left)} {_SIGNS[type(compare)]} {_at_least(_COMPARE + 1, right)}", _COMPARE
        case ast.IfExp(test=test, body=body, orelse=other):
            return f"{_at_least(1, test)} ? {_at_least(1, body)} : {_at_least(_CHOICE, other)}", _CHOICE
    raise TypeError(f"no C for {ast.dump(tree)}")


def _at_least(rank: int, tree: ast.expr) -> str:
    found, binds = _written(tree)
    return found if binds >= rank else f"({found})"


def number(value: Any, kind: str | None = None) -> str:
    """A number as C, which reads back exactly; with kind "f" as a float, so that float32 arithmetic stays float32."""
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value)) if abs(int(value)) < 2**31 else f"{int(value)}LL"
    value = float(value)
    if not math.isfinite(value):
        return "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    return repr(value) + (kind or "")


def numbers(array: Any, indent: str) -> str:
    """An array as a braced initialiser, broken into lines of about a hundred characters."""
    if array.ndim == 0:
        return _datum(array)
    whole = _braced(array)
    if len(whole) + len(indent) <= 100:
        return whole
    rows = [_braced(row) if row.ndim else _datum(row) for row in array]
    lines, line = [], ""
    for row in rows:
        if line and len(line) + len(row) > 90:
            lines.append(line)
            line = ""
        line += (" " if line else "") + row + ","
    return "{\n" + "\n".join(f"{indent}    {each}" for each in [*lines, line]) + f"\n{indent}}}"


def _datum(value: Any) -> str:
    """A number where its type is known from the declaration: 1 says as much as 1.0."""
    plain = value.item()
    whole = abs(plain) < 1e6 and plain % 1 == 0 and str(plain) != "-0.0"
    return number(int(plain) if whole else plain)


def _braced(array: Any) -> str:
    if array.ndim == 0:
        return _datum(array)
    return "{" + ", ".join(map(_braced, array)) + "}"


def entry(name: str, at: Sequence[ast.expr]) -> ast.expr:
    """Z[i, j]; a number has no index."""
    return ast.Subscript(ast.Name(name), ast.Tuple([*at])) if at else ast.Name(name)


def parsed(template: str, **parts: ast.expr) -> ast.expr:
    """A tree from Python text, with names replaced by other trees."""
    return filled(ast.parse(template, mode="eval").body, parts)  # type: ignore[no-any-return]  # an expression, as given


def filled(tree: Any, parts: Mapping[str, ast.expr]) -> Any:
    """A copy of the tree in which names stand for other trees (which are shared, not copied)."""
    if isinstance(tree, ast.Name):
        return parts.get(tree.id, tree)
    if not isinstance(tree, ast.AST) or not tree._fields:
        return tree
    fields = {
        key: [filled(each, parts) for each in value] if isinstance(value, list) else filled(value, parts)
        for key, value in ast.iter_fields(tree)
        if key != "ctx"
    }
    return type(tree)(**fields)
