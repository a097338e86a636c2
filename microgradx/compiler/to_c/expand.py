"""Rows that C computes in several plain steps: each as a function of simpler rows, traced and put in its place."""

from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import count as count_from
from typing import Any

import numpy as np

from microgradx.compiler.form import Form, Step, lower
from microgradx.compiler.joint import joint
from microgradx.compiler.passes import sums
from microgradx.graph import Tensor
from microgradx.rules import arithmetic, elementary, linear_algebra, losses, reductions, shaping
from microgradx.rules.op import Op
from microgradx.rules.reductions import count, per_freedom


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    return reductions.sum(x, axis, keepdims=keepdims) / count(x.shape, axis)


def _var(x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    centred = x - _mean(x, axis, True)
    return reductions.sum(centred * centred, axis, keepdims=keepdims) * per_freedom(x.shape, axis, correction)


def _norm2(x: Any, axis: Any, keepdims: bool) -> Any:
    return elementary.sqrt(reductions.sum(x * x, axis, keepdims=keepdims))


def _winners(x: Any, axis: Any) -> Any:
    best = arithmetic.where(arithmetic.equal(x, reductions.amax(x, axis, keepdims=True)), 1.0, 0.0)
    return best / reductions.sum(best, axis, keepdims=True)


def _logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    top = reductions.amax(x, axis, keepdims=True)
    top = arithmetic.where(arithmetic.isfinite(top), top, 0.0)  # all -inf: log 0 = -inf
    total = elementary.log(reductions.sum(elementary.exp(x - top), axis, keepdims=True)) + top
    return total if keepdims else reductions.sum(total, axis)


def _softmax(x: Any, axis: int) -> Any:
    raised = elementary.exp(x - reductions.amax(x, axis, keepdims=True))
    return raised / reductions.sum(raised, axis, keepdims=True)


def _log_softmax(x: Any, axis: int) -> Any:
    return x - _logsumexp(x, axis, True)


def _cross_entropy(x: Any, t: Any) -> Any:
    top = reductions.amax(x, -1, keepdims=True)
    total = reductions.sum(elementary.exp(x - top), -1, keepdims=True)  # the same sum as of the softmax behind it
    return elementary.log(shaping.squeeze(total, -1)) - (_picked(x, t) - shaping.squeeze(top, -1))


def _run_picked(x: Any, t: Any) -> Any:
    return np.take_along_axis(x, t[..., None], axis=-1)[..., 0]


# One number of each row, which C reads where it stands. No row of the book: gradients come from softmax_cross_entropy.
_parts = {name: getattr(losses.softmax_cross_entropy, name) for name in Op.__annotations__ if name[0] != "_"}
_picked = Op(**_parts | {"name": "picked", "form": "picked(x, t)", "run": _run_picked, "rules": {}})


def _linear(x: Any, W: Any) -> Any:
    return linear_algebra.matmul(x, shaping.mT(W))


def _affine(x: Any, W: Any, b: Any) -> Any:
    return linear_algebra.linear(x, W) + b


EXPANSIONS: dict[str, Callable[..., Any]] = {
    "mean": _mean, "var": _var, "norm2": _norm2, "winners": _winners, "logsumexp": _logsumexp, "softmax": _softmax,
    "log_softmax": _log_softmax, "linear": _linear, "affine": _affine, "softmax_cross_entropy": _cross_entropy,
}  # fmt: skip


def plain_numbers(form: Form) -> Form:
    """In C a float and an array of no axes are both a double: a step from one to the other gives its name away."""
    uses, made = form.uses(), {step.name: step for step in form.steps}
    given: dict[str, Step] = {}  # the name of a step -> the step whose name it takes over
    for step in form.steps:
        inner = made.get(step.operands[0])
        if step.op.name == "number" and inner and not inner.named and uses[inner.name] == 1:
            given[inner.name] = step
    gone = {step.name for step in given.values()}
    steps = [
        replace(step, name=given[step.name].name, kind=given[step.name].kind, named=True)
        if step.name in given
        else step
        for step in form.steps
        if step.name not in gone
    ]
    return form.with_steps(steps, {})


def expanded(form: Form, but: Collection[str] = ()) -> Form:
    """The form with the steps of `EXPANSIONS`, but for those named, replaced by what they consist of."""
    form = plain_numbers(sums(form))
    while any(step.op.name in EXPANSIONS and step.op.name not in but for step in form.steps):
        form = _once_expanded(form, but)
    return form


def _once_expanded(form: Form, but: Collection[str]) -> Form:
    kinds = form.kinds()
    steps: list[Step] = []
    constants = dict(form.constants)
    for step in form.steps:
        if step.op.name not in EXPANSIONS or step.op.name in but:
            steps.append(step)
            continue
        leaves = [Tensor(np.zeros(kinds[n].shape, kinds[n].dtype), requires_grad=False) for n in step.operands]
        inside = lower(joint(lambda *xs, s=step: EXPANSIONS[s.op.name](*xs, **s.static), leaves, False), step.name)
        known = dict(zip(inside.arguments, step.operands, strict=True))
        words = {name: name for name in inside.constants} | {each.name: each.op.name for each in inside.steps}
        for name, word in words.items():
            fresh = (f"{step.name}_{word}{k or ''}" for k in count_from(0))
            known[name] = next(n for n in fresh if n not in known.values())
        known[inside.outputs[0]] = step.name
        constants |= {known[name]: value for name, value in inside.constants.items()}
        for each in inside.steps:
            ends = each.name == inside.outputs[0]
            last = dict(note=step.note, named=step.named, kind=step.kind) if ends else dict(named=False)
            operands = tuple(known[n] for n in each.operands)
            steps.append(replace(each, name=known[each.name], operands=operands, section=step.section, **last))
    return form.with_steps(steps, {}, constants)
