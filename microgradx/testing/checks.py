"""Proofs that a derivative is right: of any function, of its full Jacobian, of one row of the rulebook."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.graph import OpError, RuleError, Tensor
from microgradx.testing.beside import beside, lost_in_rounding
from microgradx.testing.calls import OpCall
from microgradx.testing.comparison import Comparison, Mismatch, compare
from microgradx.testing.diagnosis import right_elsewhere
from microgradx.testing.differences import along_axes
from microgradx.testing.functions import Point, of_call, point
from microgradx.testing.kinks import Kink, kinks_at
from microgradx.testing.lesson import CheckError, edge_of_an_op, singular_ops, users_row
from microgradx.testing.look import ATOL, RTOL, same_shapes

MODES = ("rev", "fwd")


@dataclass
class Report:
    """What was checked and how well it agreed."""

    subject: str
    order: int
    modes: tuple[str, ...]
    examples: int = 1
    worst: float = 0.0  # the largest relative error met
    seconds: float = 0.0
    kinks: list[Kink] = field(default_factory=list)


def check_grads(
    f: Callable[..., Any],
    args: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> Report:
    """Check the derivatives of `f` at `args` against finite differences, up to `order`.

    Args:
        f: a function of Values and Tensors that returns one, or a list, tuple or dict of them.
        args: the arguments: numbers, arrays, nodes, or nested lists, tuples and dicts of them; real ones are
            differentiated by (in float64), except nodes made with `requires_grad=False`. A single one needs no tuple.
        order: 1 for gradients, 2 for gradients of gradients too, and so on.
        modes: "rev" (reverse mode against differences), "fwd" (forward mode against reverse mode), or both.
        rtol, atol: how far analytic and numeric derivative may be apart.

    Returns:
        A Report. At a kink any gradient between left and right slope is accepted and listed in `kinks`.

    Raises:
        CheckError: they disagree; the message says where, which node's rule is responsible, and guesses why.
        OpError: the function is not finite at `args`, or on one side of it.
    """
    __tracebackhide__ = True  # pytest then shows the lesson, not our own lines
    args = args if isinstance(args, (tuple, list)) else (args,)
    return _check(point(f, args), _name(f), order, modes, rtol, atol, None, 1, f)


def check_call(call: OpCall, order: int = 2, modes: Sequence[str] = MODES, lowest: int = 1) -> Report:
    """`check_grads` for one call of an op, for the orders from `lowest` to `order`.

    Raises:
        CheckError: as `check_grads` does.
        RuleError: the op is not finite here, or has no finite gradient although its rule is right elsewhere; yet the
            row's domain allows the call.
    """
    __tracebackhide__ = True
    try:
        return _check(of_call(call), call.op.name, order, modes, RTOL, ATOL, call, lowest)
    except (OpError, CheckError) as failed:
        trouble = "is not finite, or fails"
        if isinstance(failed, CheckError):
            if not _only_here(failed, modes):
                raise
            no = "finite" if failed.mismatch.undefined else "reliable"
            trouble = f"has no {no} gradient, though its rule is right elsewhere"
        raise RuleError(
            f"{call.op.name}: {call!r} {trouble}; yet the row allows this call. Say where the op "
            "holds, for example where=dict(x=positive) or where=dict(x=Domain('x > 1', 1.1, 5.0)), and which shapes "
            "it takes."
        ) from None


def _only_here(failed: CheckError, modes: Sequence[str]) -> bool:
    """True when the rule of a row is right elsewhere, and here without a value, or with one lost in rounding."""
    found, call = failed.mismatch, failed.call
    assert call is not None
    if failed.order == 1 and found.undefined:
        return right_elsewhere(call.op, found.position)
    jumps = failed.order > 1 and not found.settled
    return (found.undefined or jumps or lost_in_rounding(found)) and beside(
        of_call(call), failed.order, modes
    ).only_here


def _accused(failed: CheckError, at: Point, modes: Sequence[str]) -> Exception:
    """The failure of a function; where no rule is wrong, but the point is of the wrong kind, an error that says so."""
    seen, found = beside(at, failed.order, modes), failed.mismatch
    if seen.only_here and users_row(found.point) is None:
        return OpError(
            f"{failed.subject}: {failed.numbers()}, yet everywhere close by both agree. So no rule is wrong: the "
            f"function{singular_ops(found.point)} has no derivative at just this point, or one that is lost on the "
            "way. Check a little beside it."
        )
    limits = edge_of_an_op(found)
    if limits and seen.wrong is not None and not edge_of_an_op(seen.wrong):
        failed.mismatch, failed.inputs = seen.wrong, at.nested(seen.args)  # where nothing but the mistake shows
        return failed
    return OpError(f"{failed.subject}: {failed.numbers()}; {limits}") if limits and not seen.only_here else failed


def _check(
    at: Point,
    name: str,
    order: int,
    modes: Sequence[str],
    rtol: float,
    atol: float,
    call: OpCall | None,
    lowest: int,
    f: Any = None,
) -> Report:
    __tracebackhide__ = True
    if not modes or not set(modes) <= set(MODES) or order < 1:
        raise OpError(
            f"check_grads: order is at least 1, modes is a tuple of {MODES}; got order={order}, modes={modes!r}."
        )
    _need_reals(at, name)
    began, args, start, below = time.perf_counter(), at.args, at, at
    twice = zip(at.values(args), at.values(args), strict=True) if call is None else ()
    if not all(np.array_equal(a, b, equal_nan=True) for a, b in twice):
        raise OpError(
            f"{name} gives another result for the same inputs each time, so it has no derivative to compare with; "
            "fix what is random in it (dropout in eval mode, or a generator that is seeded inside the function)."
        )
    report = Report(name, order, tuple(modes))
    for nth in range(1, order + 1):
        found = compare(at, modes, rtol, atol, jumps=nth == 1) if nth >= lowest else Comparison()
        if found.mismatches and nth > 1 and not found.mismatches[0].settled:  # a jump in the gradient below?
            kinks = kinks_at(below)
            found = Comparison(kinks=kinks) if kinks and all(kink.allowed for kink in kinks) else found
        if found.mismatches or found.kinks:
            _need_precision(start, name)
        if found.mismatches:
            failed = CheckError(name, found.mismatches[0], nth, start.nested(args), call, f)
            raise failed if call else _accused(failed, start, modes)
        report.worst = max(report.worst, found.worst)
        report.kinks += found.kinks
        if found.kinks:
            break  # the gradient jumps there, so it has no derivative of its own
        if nth < order:
            below, at = at, at.pullback()
    report.seconds = time.perf_counter() - began
    return report


def numerical_jacobian(f: Callable[..., Any], *args: Any) -> Any:
    """The Jacobian of `f` by finite differences: shape f(x).shape + x.shape, one per real argument.

    With a single argument the array itself, otherwise a tuple (None for arguments that are not real numbers).
    """
    at = point(f, args)
    found = [_numeric(at, k) if k in at.smooth else None for k in range(len(args))]
    return found[0] if len(found) == 1 else tuple(found)


def _numeric(at: Point, k: int) -> Any:
    before, after, here = at.args[:k], at.args[k + 1 :], at.values(at.args)

    def moved(x: Any) -> Any:
        there = at.values([*before, float(x) if type(at.args[k]) is float else x, *after])
        same_shapes(here, there)
        return there[0]

    return along_axes(moved, at.args[k]).value


def gradcheck(f: Callable[..., Any], inputs: Any, rtol: float = 1e-6, atol: float = 1e-8) -> bool:
    """Compare the full Jacobian of `f` (one output) with `numerical_jacobian`, entry by entry.

    Args:
        f, inputs: as for `check_grads`.

    Raises:
        CheckError: some entry differs; its index is that of the output, then that of the input.
    """
    __tracebackhide__ = True
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    at = point(f, inputs)
    _need_reals(at, _name(f))
    values = at.values(at.args)
    if len(values) != 1:
        raise OpError(f"gradcheck looks at functions with one output; this one has {len(values)}: check each alone.")
    value = np.asarray(values[0])
    rows = [at.gradient([_unit(values[0], index)]) for index in np.ndindex(value.shape)]
    for position, k in enumerate(at.smooth):
        shape = np.shape(at.args[k])
        analytic = np.array([row[position] for row in rows], dtype=float).reshape(value.shape + shape)
        numeric = _numeric(at, k)
        error = np.abs(analytic - numeric)
        wrong = ~(error <= rtol * np.abs(numeric) + atol)
        if wrong.any():
            worst = np.unravel_index(int(np.argmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1))), error.shape)
            index = tuple(int(i) for i in worst)
            found = Mismatch(at, k, "rev", [], analytic, numeric, index)
            raise _accused(CheckError(_name(f), found, 1, at.nested(at.args), None, f), at, ("rev",))
    return True


def _name(f: Any) -> str:
    name = getattr(f, "__name__", type(f).__name__)
    return name if name.isidentifier() else "the function"


def _need_reals(at: Point, name: str) -> None:
    if not at.smooth:
        seen = ", ".join(f"{n} of {np.asarray(x).dtype}" for n, x in zip(at.names, at.args, strict=True))
        raise OpError(
            f"{name}: none of the arguments is a real number, so there is nothing to differentiate by ({seen}); "
            "give floats, such as np.array([1.0, 2.0]), or nodes of floats that require a gradient."
        )


def _need_precision(at: Point, name: str) -> None:
    types = {node.dtype for node in at.recorded().nodes if isinstance(node, Tensor)}
    coarse = sorted(str(dtype) for dtype in types if dtype.kind == "f" and dtype.itemsize < 8)
    if coarse:
        raise RuleError(
            f"{name}: it computes in {', '.join(coarse)} where float64 comes in, too coarsely for differences to tell; "
            "leave the conversion out of what is checked."
        )


def _unit(like: Any, index: tuple[int, ...]) -> Any:
    if type(like) is float:
        return 1.0
    unit = np.zeros(np.shape(like))
    unit[index] = 1.0
    return unit
