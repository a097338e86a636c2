"""The proof of whole rows: many calls from their domain, the failing one shrunk by Hypothesis."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from microgradx.graph import RuleError
from microgradx.rules.op import Op
from microgradx.testing.calls import OpCall, need_row
from microgradx.testing.checks import MODES, Report, check_call
from microgradx.testing.lesson import CheckError, PropertyError
from microgradx.testing.properties import PROPERTIES, rows_of
from microgradx.testing.strategies import op_calls


def check_rule(
    op: Op,
    *,
    order: int = 2,
    modes: Sequence[str] = MODES,
    examples: int = 25,
    seed: int | None = None,
    watch: Callable[[Report], None] | None = None,
) -> Report:
    """Prove the rules of one row: differences, forward against reverse mode, and the scalar graph inside.

    Args:
        op: the row; `examples` calls are drawn from its `shapes`, `cases` and `where`.
        order, modes: as for `check_grads`.
        seed: for other examples than the usual ones, which are the same on every run.
        watch: called after each example with the report so far.

    Returns:
        A Report with the number of examples, the worst relative error and the time.

    Raises:
        CheckError: with the smallest call that fails, the responsible rule and a guess at the mistake.
        PropertyError: floats and arrays, or the op and its scalar graph, give different results.
        RuleError: `op` is no row or has no rules, `examples` is below 1, or its domain holds inputs for which the op is
            not finite.
    """
    need_row(op, "check_rule")
    if examples < 1:
        raise RuleError(f"check_rule: examples is at least 1; got {examples}.")
    if not op.smooth:
        raise RuleError(f"{op.name} has no rules to check: all its inputs are declared nondiff.")
    report = Report(op.name, order, tuple(modes), examples=0)
    began = time.perf_counter()
    latest: list[OpCall] = []

    def prove(call: OpCall) -> None:
        latest[:] = [call]
        try:
            found = check_call(call, order, modes)
        except CheckError:
            if op.elementwise:
                PROPERTIES["scalar run"].check(call)  # where the floats' own function is off, no rule is to blame
            raise
        for name in ("scalar run", "zoom"):
            if PROPERTIES[name].about(op):
                PROPERTIES[name].check(call)
        report.worst = max(report.worst, found.worst)
        report.kinks += found.kinks
        report.examples += 1
        report.seconds = time.perf_counter() - began
        if watch is not None:
            watch(report)

    test: Any = settings(
        max_examples=examples, deadline=None, database=None, derandomize=seed is None, print_blob=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )(given(op_calls(op))(prove))  # fmt: skip
    try:
        (test if seed is None else seeded(seed)(test))()
    except CheckError as failed:
        failed.__notes__ = []  # the lesson says it better than Hypothesis' own report
        failed.lesson  # noqa: B018  (made now: the row may be gone from the book when it is read)
        raise
    except AssertionError as failed:
        raise PropertyError(str(failed), latest[0]) from None
    return report


def rule_properties(*rows: Any) -> Any:
    """A pytest test that proves rows of your own: `test_my_ops = rule_properties("my_ops.py")`.

    Args:
        rows: ops, or paths of Python files that define some.

    Returns:
        A test parametrised by row and property, with Hypothesis drawing the inputs from each row's domain.
    """
    import pytest

    ops = [op for row in rows for op in ([row] if isinstance(row, Op) else rows_of(row))]
    cases = [(op, name) for op in ops for name, claim in PROPERTIES.items() if claim.about(op)]

    @pytest.mark.parametrize(("op", "name"), cases, ids=[f"{op.name}-{name.replace(' ', '-')}" for op, name in cases])
    def test(op: Op, name: str) -> None:
        calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no mistake
        calm(given(op_calls(op))(PROPERTIES[name].check))()

    return test
