"""How the rows that are not elementwise run in C: where each entry is read, or what it gathers. See `rows`."""

import ast
from collections.abc import Callable

from microgradx.compiler.form import Step
from microgradx.compiler.to_c.index import (
    ZERO,
    axes_of,
    counted_back,
    flat,
    guarded,
    moved,
    places,
    plus,
    product,
    stretched,
    unflat,
)  # fmt: skip
from microgradx.compiler.to_c.rows import ITSELF, Entries, Folded, Plan, Pushed, Source, Term, no_form
from microgradx.compiler.to_c.text import Index, entry, parsed

Row = Callable[..., Plan]  # of the step and its inputs
ROWS: dict[str, Row] = {}


def row(*names: str) -> Callable[[Row], Row]:
    """A decorator: the function lowers these ops."""

    def keep(function: Row) -> Row:
        ROWS.update(dict.fromkeys(names, function))
        return function

    return keep


# Which operand holds labels or places, and below how many they must lie: what the engine refuses is to be noticed.
LABELS: dict[str, Callable[[Step, list[Source]], tuple[int, int]]] = {
    "one_hot": lambda step, inputs: (0, step.kind.shape[-1]),
    "lookup": lambda step, inputs: (1, inputs[0].shape[0]),
    "collect": lambda step, inputs: (1, step.static["size"]),
    "take_along": lambda step, inputs: (1, inputs[0].shape[step.static["axis"]]),
    "put_along": lambda step, inputs: (1, step.static["size"]),
    "picked": lambda step, inputs: (1, inputs[0].shape[-1]),
}


# --- entries that stand elsewhere


@row("broadcast_to")
def _broadcast(step: Step, x: Source) -> Plan:
    return Entries(lambda at: x.at(stretched(at, x.shape), often=True), view=True)


@row("spread")
def _spread(step: Step, x: Source) -> Plan:
    lost = axes_of(step.static["axis"], len(step.kind.shape))
    if step.static["keepdims"] or len(x.shape) == len(step.kind.shape):
        return _broadcast(step, x)
    return Entries(lambda at: x.at(tuple(i for d, i in enumerate(at) if d not in lost), often=True), view=True)


@row("transpose", "mT")
def _transpose(step: Step, x: Source) -> Plan:
    n = len(x.shape)
    axes = step.static.get("axes") or range(n)[::-1]
    axes = (*range(n - 2), n - 1, n - 2) if step.op.name == "mT" else [a % n for a in axes]
    place = {a: d for d, a in enumerate(axes)}
    return Entries(lambda at: x.at(tuple(at[place[a]] for a in range(n))), view=True)


@row("flip")
def _flip(step: Step, x: Source) -> Plan:
    turned = axes_of(step.static["axis"], len(x.shape))

    def at(at: Index) -> ast.expr:
        ends = zip(at, x.shape, strict=True)
        return x.at(tuple(counted_back(n - 1, i) if d in turned else i for d, (i, n) in enumerate(ends)))

    return Entries(at, view=True)


@row("reshape", "unsqueeze", "squeeze", "tensor", "number")
def _reshape(step: Step, x: Source) -> Plan:
    shape = step.kind.shape
    if [n for n in shape if n != 1] == [n for n in x.shape if n != 1]:  # only axes of size 1 come and go

        def at(at: Index) -> ast.expr:
            rest = iter(i for i, n in zip(at, shape, strict=True) if n != 1)
            return x.at(tuple(ZERO if n == 1 else next(rest) for n in x.shape))

        return Entries(at, view=x.kind.dtype == step.kind.dtype)
    # One loop over the longer of the two, so that only divisions by constants remain; none along axes that stay.
    stay = next((k for k, (n, m) in enumerate(zip(shape[::-1], x.shape[::-1], strict=False)) if n != m), 0)
    new, old = len(shape) - stay, len(x.shape) - stay
    return Entries(lambda at: x.at((*unflat(flat(at[:new], shape[:new]), x.shape[:old]), *at[new:])))


@row("index")
def _index(step: Step, x: Source) -> Plan:
    place, tables = places(step.name, step.static["key"], x.shape)
    return Entries(lambda at: x.at(place(at), often=bool(tables)), view=not tables, tables=tables)


@row("scatter")
def _scatter(step: Step, x: Source) -> Plan:
    place, tables = places(step.name, step.static["key"], step.static["shape"])
    return Pushed(0.0, [(x.shape, place, x.at)], adds=bool(tables), tables=tables)


@row("lookup")
def _lookup(step: Step, W: Source, k: Source) -> Plan:
    n = len(k.shape)

    def at(at: Index) -> ast.expr:
        row = k.at(at[:n], often=True)
        inside = parsed("k >= 0 and k < n", k=row, n=ast.Constant(W.shape[0]))
        return ast.IfExp(inside, W.at((row, *at[n:]), often=True), parsed("NAN"))  # never memory of others

    return Entries(at)


@row("picked")
def _picked(step: Step, x: Source, t: Source) -> Plan:
    def at(at: Index) -> ast.expr:
        label = t.at(at, often=True)
        inside = parsed("k >= 0 and k < n", k=label, n=ast.Constant(x.shape[-1]))
        return ast.IfExp(inside, x.at((*at, label), often=True), parsed("NAN"))

    return Entries(at)


@row("collect")
def _collect(step: Step, u: Source, k: Source) -> Plan:
    n, rows = len(k.shape), step.static["size"]

    def inside(at: Index) -> ast.expr:
        return parsed("k >= 0 and k < n", k=k.at(at[:n], often=True), n=ast.Constant(rows))

    def place(at: Index) -> Index:
        return (ast.IfExp(inside(at), k.at(at[:n], often=True), ZERO), *at[n:])

    return Pushed(0.0, [(u.shape, place, lambda at: guarded(inside(at), u.at(at)))], adds=True)


@row("take_along")
def _take_along(step: Step, x: Source, k: Source) -> Plan:
    axis = step.static["axis"] % len(x.shape)

    def at(at: Index) -> ast.expr:
        place = k.at(at, often=True)
        inside = parsed("k >= 0 and k < n", k=place, n=ast.Constant(x.shape[axis]))
        return ast.IfExp(inside, x.at((*at[:axis], place, *at[axis + 1 :]), often=True), parsed("NAN"))

    return Entries(at)


@row("put_along")
def _put_along(step: Step, u: Source, k: Source) -> Plan:
    axis, size = step.static["axis"] % len(u.shape), step.static["size"]

    def inside(at: Index) -> ast.expr:
        return parsed("k >= 0 and k < n", k=k.at(at, often=True), n=ast.Constant(size))

    def place(at: Index) -> Index:
        return (*at[:axis], ast.IfExp(inside(at), k.at(at, often=True), ZERO), *at[axis + 1 :])

    return Pushed(0.0, [(u.shape, place, lambda at: guarded(inside(at), u.at(at)))], adds=True)


@row("concatenate")
def _concatenate(step: Step, *xs: Source) -> Plan:
    axis, pieces, start = step.static["axis"] % len(xs[0].shape), [], 0
    for x in xs:
        pieces.append((x.shape, moved(axis, start), x.at))
        start += x.shape[axis]
    return Pushed(None, pieces)


@row("stack")
def _stack(step: Step, *xs: Source) -> Plan:
    axis = step.static["axis"] % len(step.kind.shape)

    def place(k: int) -> Callable[[Index], Index]:
        return lambda at: (*at[:axis], ast.Constant(k), *at[axis:])

    return Pushed(None, [(x.shape, place(k), x.at) for k, x in enumerate(xs)])


@row("pad")
def _pad(step: Step, x: Source) -> Plan:
    before = [pair[0] for pair in step.static["pads"]]
    piece = (x.shape, lambda at: tuple(plus(i, b) for i, b in zip(at, before, strict=True)), x.at)
    return Pushed(float(step.static["value"]), [piece])


@row("symmetric")
def _symmetric(step: Step, A: Source) -> Plan:
    def at(at: Index) -> ast.expr:
        mirror = (*at[:-2], at[-1], at[-2])
        return parsed("0.5 * (a + b)", a=A.at(at, often=True), b=A.at(mirror, often=True))

    return Entries(at)


@row("one_hot")
def _one_hot(step: Step, t: Source) -> Plan:
    return Entries(lambda at: ast.Compare(t.at(at[:-1], often=True), [ast.Eq()], [at[-1]]))


# --- entries that gather


@row("sum")
def _sum(step: Step, x: Source) -> Plan:
    gone, keep = axes_of(step.static["axis"], len(x.shape)), step.static["keepdims"]

    def place(at: Index) -> Index:
        return tuple(ZERO if d in gone else i for d, i in enumerate(at) if keep or d not in gone)

    return Pushed(0.0, [(x.shape, place, x.at)], adds=True)


@row("amax", "amin", "all", "any", "argmax", "argmin")
def _extreme(step: Step, x: Source) -> Plan:
    name, axis = step.op.name, step.static["axis"]
    gone, keep = axes_of(axis, len(x.shape)), step.static["keepdims"]
    sizes = tuple(x.shape[d] for d in sorted(gone))
    if name.startswith("a") and name[1] in "mr" and x.kind.dtype.kind != "f":
        raise no_form(step, f" on {x.kind.dtype} arrays")

    def place(at: Index, inner: Index) -> Index:
        outer, inside = iter(i for d, i in enumerate(at) if not keep or d not in gone), iter(inner)
        return tuple(next(inside) if d in gone else next(outer) for d in range(len(x.shape)))

    def term(at: Index, inner: Index) -> Term:
        here = x.at(place(at, inner), often=True)
        if not name.startswith("arg"):
            return here, None
        where, best = flat(inner, sizes), x.at(place(at, unflat(ITSELF, sizes)), often=True)
        sign = ">" if name == "argmax" else "<"
        return where, parsed(f"a {sign} b or (a != a and b == b)", a=here, b=best)

    start, into = {
        "amax": ("-INFINITY", "maximum(s, x)"), "amin": ("INFINITY", "minimum(s, x)"),
        "all": ("1", "s and x != 0"), "any": ("0", "s or x != 0"), "argmax": ("0", "x"), "argmin": ("0", "x"),
    }[name]  # fmt: skip
    return Folded(parsed(start), sizes, term, into)


@row("cumsum")
def _cumsum(step: Step, x: Source) -> Plan:
    axis = step.static["axis"] % len(x.shape)

    def at(at: Index) -> ast.expr:
        if x.shape[axis] == 1:
            return x.at(at)
        before = entry(step.name, (*at[:axis], plus(at[axis], -1), *at[axis + 1 :]))
        return parsed("(t if i > 0 else 0) + x", t=before, i=at[axis], x=x.at(at))

    return Entries(at)


@row("matmul")
def _matmul(step: Step, A: Source, B: Source) -> Plan:
    def term(at: Index, inner: Index) -> Term:
        left = A.at((*stretched(at[:-2], A.shape[:-2]), at[-2], *inner), often=True)
        return product(left, B.at((*stretched(at[:-2], B.shape[:-2]), *inner, at[-1]), often=True)), None

    return Folded(ZERO, A.shape[-1:], term)


@row("mv", "dot")
def _mv(step: Step, A: Source, x: Source) -> Plan:
    return Folded(ZERO, x.shape, lambda at, k: (product(A.at((*at, *k)), x.at(k, often=bool(at))), None))


@row("outer")
def _outer(step: Step, a: Source, b: Source) -> Plan:
    return Entries(lambda at: product(a.at(at[:1], often=True), b.at(at[1:], often=True)))


@row("einsum_row")
def _einsum(step: Step, *xs: Source) -> Plan:
    terms, out = step.static["spec"].split("->")
    sizes = {c: n for term, x in zip(terms.split(","), xs, strict=True) for c, n in zip(term, x.shape, strict=True)}
    inner = [c for c in sizes if c not in out]

    def term(at: Index, k: Index) -> Term:
        place = dict(zip([*out, *inner], [*at, *k], strict=True))
        each = [x.at(tuple(place[c] for c in t), often=True) for t, x in zip(terms.split(","), xs, strict=True)]
        return product(*each), None

    return Folded(ZERO, tuple(sizes[c] for c in inner), term)
