"""Walking a trace step by step in a terminal: forwards, back, or straight to a step; and guessing what comes next."""

import numpy as np
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from microgradx.explain.text import forward_table, gradient_table, heading, show, show_step
from microgradx.explain.trace import Step, Trace
from microgradx.explain.wording import d, seed_text, step_text, update_text

_KEYS = "Enter: next   p: back   a number: jump there (0: the forward table)   q: quit"


def walk(trace: Trace, console: Console, predict: bool = False) -> None:
    """Reveal the backward steps one at a time; without a terminal to ask, print the whole trace.

    With `predict`, ask before each step forward what it will hand back.
    """
    if not (console.is_terminal and console.is_interactive):
        show(trace, console)
        return
    at, message = 0, ""
    while True:
        _draw(trace, console, at)
        try:
            answer = console.input(Text(f"{message or _KEYS}  › ", style="dim")).strip().lower()
            verdict = _verdict(trace, console, trace.steps[at]) if predict and not answer and _left(trace, at) else ""
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if answer == "q":
            return
        at, message = _moved(answer, at, len(trace.steps))
        message = f"{verdict}   {_KEYS}" if verdict else message


def _moved(answer: str, at: int, last: int) -> tuple[int, str]:
    """Where a key leads, and what to say about it."""
    if answer == "":
        return (at + 1, "") if at < last else (at, f"that was the last step; {_KEYS}")
    if answer == "p":
        return (at - 1, "") if at > 0 else (at, f"this is the beginning; {_KEYS}")
    if answer.isdigit() and int(answer) <= last:
        return int(answer), ""
    return at, f"{answer!r} is no step from 0 to {last}; {_KEYS}"


def _left(trace: Trace, at: int) -> bool:
    """True when there is a next step, and it hands back a single number."""
    return at < len(trace.steps) and np.size(trace.steps[at].contribution) == 1


def _verdict(trace: Trace, console: Console, step: Step) -> str:
    """Ask what a step will hand back, and say how good the answer was; "" without one."""
    told = step_text(trace, step)
    rule = f"{told.formula} = {told.numbers.rpartition(' = ')[0]}" if " = " in told.numbers else told.formula
    upstream = f"{d(trace, trace.rows[step.node].name)} = {trace.numbers['gradient', step.node]}"
    target = d(trace, trace.rows[step.input].name)
    console.print(Text(f"\nNext: {told.where}, where {rule}, and {upstream} has arrived.", style="bold"))
    answer = console.input(Text(f"What does this add to {target}? (Enter: show me)  › ", style="dim")).strip()
    try:
        guess = float(answer.replace("−", "-").replace(",", "."))
    except ValueError:
        return f"{answer!r} is no number." if answer else ""
    part = float(np.asarray(step.contribution).item())
    if abs(guess - part) <= 0.01 * abs(part):
        return f"{answer} is right."
    return f"You said {answer}; it is {trace.numbers['part', step.number]}."


def _draw(trace: Trace, console: Console, at: int) -> None:
    """At 0 the forward table; then what has been revealed, and the current step in full."""
    console.clear()
    console.print(Text(f"trace of {trace.title}", style="bold"))
    if not at:
        console.print(forward_table(trace))
    heading(console, f"Backward: step {at} of {len(trace.steps)}")
    console.print(Text(seed_text(trace), style="dim"))
    for step in trace.steps[: max(at - 1, 0)]:
        node, target = trace.rows[step.node].name, trace.rows[step.input].name
        state = "" if step.complete else "   so far"
        total = trace.numbers["total", step.number]
        line = f"{step.number:>3} ✓ {node} → {target}   {d(trace, target)} = {total}{state}"
        console.print(Text(line, style="dim"))
    if at:
        console.print(Rule(style="cyan"))
        show_step(step_text(trace, trace.steps[at - 1]), console, gap=False)
        console.print(Rule(style="cyan"))
    if at == len(trace.steps):
        console.print(gradient_table(trace))
        console.print(Text(update_text(trace), style="bold"))
