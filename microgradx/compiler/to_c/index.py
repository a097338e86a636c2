"""Arithmetic on indices as C will do it: what is known now is computed now, what changes nothing is left out."""

import ast
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from microgradx.compiler.to_c.text import Index, entry

Sizes = tuple[int, ...]
ZERO = ast.Constant(0)


def known(i: ast.expr) -> int | None:
    """The number that an index is, if it is one."""
    return i.value if isinstance(i, ast.Constant) and isinstance(i.value, int) else None


def plus(a: ast.expr, b: int) -> ast.expr:
    """a + b"""
    value = known(a)
    if value is not None:
        return ast.Constant(value + b)
    return a if b == 0 else ast.BinOp(a, ast.Add() if b > 0 else ast.Sub(), ast.Constant(abs(b)))


def times(a: ast.expr, b: int) -> ast.expr:
    """a · b"""
    value = known(a)
    if value is not None:
        return ast.Constant(value * b)
    return a if b == 1 else ast.BinOp(a, ast.Mult(), ast.Constant(b))


def added(a: ast.expr, b: ast.expr) -> ast.expr:
    """a + b"""
    value = known(b)
    if value is not None:
        return plus(a, value)
    return b if known(a) == 0 else ast.BinOp(a, ast.Add(), b)


def less(a: ast.expr, b: ast.expr) -> ast.expr:
    """a − b"""
    value = known(b)
    return ast.BinOp(a, ast.Sub(), b) if value is None else plus(a, -value)


def counted_back(end: int, i: ast.expr) -> ast.expr:
    """end − i"""
    value = known(i)
    return ast.BinOp(ast.Constant(end), ast.Sub(), i) if value is None else ast.Constant(end - value)


def quotient(i: ast.expr, by: int, end: int) -> ast.expr:
    """i // by for 0 ≤ i < end"""
    return ZERO if by >= end else ast.BinOp(i, ast.FloorDiv(), ast.Constant(by))


def rest(i: ast.expr, by: int, end: int) -> ast.expr:
    """i % by for 0 ≤ i < end"""
    return i if by >= end else ast.BinOp(i, ast.Mod(), ast.Constant(by))


def flat(at: Index, shape: Sizes) -> ast.expr:
    """The place of an entry when all are counted row by row."""
    found: ast.expr = ZERO
    for i, n in zip(at, shape, strict=True):
        found = added(times(found, n), i)
    return found


def unflat(place: ast.expr, shape: Sizes) -> Index:
    """The index of the entry that is counted at `place`."""
    found: list[ast.expr] = []
    inner, end = 1, prod(shape)
    for n in reversed(shape):
        found.append(ZERO if n == 1 else rest(quotient(place, inner, end) if inner > 1 else place, n, end // inner))
        inner *= n
    return tuple(found[::-1])


def stretched(at: Index, shape: Sizes) -> Index:
    """Where an input of `shape` is read by an entry at `at` of what it is broadcast to."""
    last = at[len(at) - len(shape) :]
    return tuple(ZERO if n == 1 else i for i, n in zip(last, shape, strict=True))


def axes_of(axis: Any, ndim: int) -> set[int]:
    """The axes that a reduction's `axis` means."""
    if axis is None:
        return set(range(ndim))
    return {a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))}


def moved(axis: int, by: int) -> Callable[[Index], Index]:
    """An index moved along one axis."""
    return lambda at: tuple(plus(i, by) if d == axis else i for d, i in enumerate(at))


def places(name: str, key: Any, shape: Sizes) -> tuple[Callable[[Index], Index], dict[str, Any]]:
    """For x[key] of an x of `shape`: where each entry comes from, and the tables that this is looked up in.

    Slices and numbers are arithmetic; a key with arrays becomes a table of the places, counted row by row.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(p, (np.ndarray, list, bool, np.bool_)) for p in parts):
        table = np.arange(prod(shape), dtype=np.int32).reshape(shape)[key]
        return lambda at: unflat(entry(f"{name}_from", at), shape), {f"{name}_from": table}
    missing = len(shape) - sum(p is not None and p is not Ellipsis for p in parts)
    at_dots = next((k for k, p in enumerate(parts) if p is Ellipsis), len(parts))
    parts[at_dots : at_dots + 1] = [slice(None)] * missing
    axes = iter(shape)
    along = [None if p is None else range(next(axes))[p] for p in parts]  # a number, or the range that a slice means

    def place(at: Index) -> Index:
        rest = iter(at)
        found: list[ast.expr] = []
        for each in along:
            if isinstance(each, int):
                found.append(ast.Constant(each))
                continue
            i = next(rest)
            if each is not None:
                found.append(_stepped(i, each))
        return tuple(found)

    return place, {}


def _stepped(i: ast.expr, along: range) -> ast.expr:
    if along.step > 0:
        return plus(times(i, along.step), along.start)
    return counted_back(along.start, times(i, -along.step))


def both(a: ast.expr | None, b: ast.expr | None) -> ast.expr | None:
    """Both conditions; None is always true."""
    if a is None or b is None:
        return a or b
    return ast.BoolOp(ast.And(), [*_parts(a), *_parts(b)])


def _parts(condition: ast.expr) -> list[ast.expr]:
    return condition.values if isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And) else [condition]


def guarded(condition: ast.expr | None, value: ast.expr) -> ast.expr:
    """The value where the condition holds, else 0."""
    return value if condition is None else ast.IfExp(condition, value, ast.Constant(0.0))


def product(*factors: ast.expr) -> ast.expr:
    """All factors multiplied, from left to right."""
    found = factors[0]
    for each in factors[1:]:
        found = ast.BinOp(found, ast.Mult(), each)
    return found
