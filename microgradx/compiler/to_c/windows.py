"""How the rows with windows that slide run in C: the kernel's entry k at place p looks at s·p + d·k − padding."""

import ast
from math import prod
from typing import Any

from microgradx.compiler.form import Step
from microgradx.compiler.to_c.arrays import row
from microgradx.compiler.to_c.index import (
    ZERO,
    Sizes,
    added,
    both,
    flat,
    guarded,
    less,
    plus,
    product,
    quotient,
    rest,
    times,
    unflat,
)  # fmt: skip
from microgradx.compiler.to_c.rows import ITSELF, Entries, Folded, Plan, Source, Term
from microgradx.compiler.to_c.text import Index, parsed
from microgradx.rules.convolution import Window


@row("conv")
def _conv(step: Step, x: Source, w: Source) -> Plan:
    how: Window = step.static["how"]
    per, width = w.shape[0] // how.groups, w.shape[1]

    def term(at: Index, inner: Index) -> Term:
        n, o, *place = at
        c, *k = inner
        seen, inside = _seen(place, k, x.shape[2:], how)
        channel = added(times(quotient(o, per, w.shape[0]), width), c)
        return product(x.at((n, channel, *seen), often=True), w.at((o, c, *k), often=True)), inside

    return Folded(ZERO, w.shape[1:], term)


@row("conv_transpose")
def _conv_transpose(step: Step, u: Source, w: Source) -> Plan:
    how: Window = step.static["how"]
    per, width = w.shape[0] // how.groups, w.shape[1]

    def term(at: Index, inner: Index) -> Term:
        n, channel, *place = at
        o, *k = inner
        source, hits = _seeing(place, k, u.shape[2:], how)
        out = added(times(quotient(channel, width, width * how.groups), per), o)
        within = rest(channel, width, width * how.groups)
        return product(u.at((n, out, *source), often=True), w.at((out, within, *k), often=True)), hits

    return Folded(ZERO, (per, *w.shape[2:]), term)


@row("conv_weight")
def _conv_weight(step: Step, u: Source, x: Source) -> Plan:
    how: Window = step.static["how"]
    per, width = u.shape[1] // how.groups, x.shape[1] // how.groups

    def term(at: Index, inner: Index) -> Term:
        o, c, *k = at
        n, *place = inner
        seen, inside = _seen(place, k, x.shape[2:], how)
        channel = added(times(quotient(o, per, u.shape[1]), width), c)
        return product(u.at((n, o, *place), often=True), x.at((n, channel, *seen), often=True)), inside

    return Folded(ZERO, (u.shape[0], *u.shape[2:]), term)


@row("windows")
def _windows(step: Step, x: Source) -> Plan:
    n = len(x.shape) - 2

    def at(at: Index) -> ast.expr:
        seen, inside = _seen(at[2 : 2 + n], at[2 + n :], x.shape[2:], step.static["how"])
        return guarded(inside, x.at((*at[:2], *seen), often=True))

    return Entries(at)


@row("overlap_add")
def _overlap_add(step: Step, u: Source) -> Plan:
    n = len(step.static["size"])

    def term(at: Index, k: Index) -> Term:
        source, hits = _seeing(at[2:], k, u.shape[2 : 2 + n], step.static["how"])
        return u.at((*at[:2], *source, *k), often=True), hits

    return Folded(ZERO, u.shape[2 + n :], term)


@row("max_pool", "winner")
def _max_pool(step: Step, x: Source) -> Plan:
    kernel, how = step.static["kernel"], step.static["how"]

    def seen(at: Index, k: Index) -> Term:
        place, inside = _seen(at[2:], k, x.shape[2:], how)
        return x.at((*at[:2], *place), often=True), inside

    if step.op.name == "max_pool":
        return Folded(parsed("-INFINITY"), kernel, seen, "maximum(s, x)")

    def better(at: Index, k: Index) -> Term:
        here, inside = seen(at, k)
        best, best_inside = seen(at, unflat(ITSELF, kernel))
        outside = ast.UnaryOp(ast.Not(), best_inside) if best_inside else None
        wins = parsed("a > b or (a != a and b == b)", a=here, b=best)  # the first nan is the best
        return flat(k, kernel), both(inside, ast.BoolOp(ast.Or(), [outside, wins]) if outside else wins)

    return Folded(ZERO, kernel, better, "x")


@row("pool_take")
def _pool_take(step: Step, x: Source, k: Source) -> Plan:
    def at(at: Index) -> ast.expr:
        number, kernel = k.at(at, often=True), step.static["kernel"]
        chosen = unflat(number, kernel)
        known = parsed("k >= 0 and k < n", k=number, n=ast.Constant(prod(kernel)))
        place, inside = _seen(at[2:], chosen, x.shape[2:], step.static["how"])
        return guarded(both(known, inside), x.at((*at[:2], *place), often=True))

    return Entries(at)


@row("pool_put")
def _pool_put(step: Step, u: Source, k: Source) -> Plan:
    kernel = step.static["kernel"]

    def term(at: Index, inner: Index) -> Term:
        source, hits = _seeing(at[2:], inner, u.shape[2:], step.static["how"])
        chosen = ast.Compare(k.at((*at[:2], *source), often=True), [ast.Eq()], [flat(inner, kernel)])
        return u.at((*at[:2], *source), often=True), both(hits, chosen)

    return Folded(ZERO, kernel, term)


def _seen(place: Any, k: Any, size: Sizes, how: Window) -> tuple[Index, ast.expr | None]:
    """Where the kernel's entry k looks from `place`; and when that is inside the input."""
    seen, inside = [], None
    for p, q, s, d, (before, after), n in zip(place, k, how.stride, how.dilation, how.padding, size, strict=True):
        where = plus(added(times(p, s), times(q, d)), -before)
        seen.append(where)
        inside = both(inside, parsed("i >= 0", i=where) if before else None)
        inside = both(inside, parsed("i < n", i=where, n=ast.Constant(n)) if after else None)
    return tuple(seen), inside


def _seeing(place: Any, k: Any, out: Sizes, how: Window) -> tuple[Index, ast.expr | None]:
    """From which place of the kernel its entry k looks at `place`; and when there is one."""
    found, hits = [], None
    for p, q, s, d, (before, _), n in zip(place, k, how.stride, how.dilation, how.padding, out, strict=True):
        from_start = plus(less(p, times(q, d)), before)
        where = ast.BinOp(from_start, ast.FloorDiv(), ast.Constant(s)) if s > 1 else from_start
        found.append(where)
        hits = both(hits, parsed("i >= 0", i=from_start))
        if s > 1:
            hits = both(hits, parsed("i % s == 0", i=from_start, s=ast.Constant(s)))
        hits = both(hits, parsed("i < n", i=where, n=ast.Constant(n)))
    return tuple(found), hits
