"""A composite on one page: what it is, the rows it is made of, and a small call of it, traced."""

import inspect
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from microgradx.autodiff.tree import leaves
from microgradx.explain.text import forward_table, gradient_table, heading, show_step
from microgradx.explain.trace import Trace, trace
from microgradx.explain.wording import seed_text, step_text
from microgradx.graph import Node, Tensor
from microgradx.testing.composites import CALLS, NAMES, Call


def show_composite(name: str, console: Console) -> None:
    """Print what the function says about itself, and what happens in its example call."""
    function, call = NAMES[name], CALLS[name][0]
    console.print(Text(f"{name}{plain_signature(function)}", style="bold"))
    console.print(Text(inspect.getdoc(function) or ""))
    found = worked(call)
    heading(console, "Made of")
    if found is None:
        console.print("It answers a question about its inputs; no gradient flows through it.")
        return
    rows = made_of(found)
    console.print(
        Text.assemble(
            "It has no rule of its own: it runs ops that have, and the chain rule does the rest. Here they are ",
            (", ".join(rows), "bold cyan"), f"; each has its page: microgradx explain {rows[-1]}.",
        )
    )  # fmt: skip
    heading(console, f"At work: {call.text}")
    if found.rows[found.output].name == "L":
        console.print("L = sum(g ⊙ y) stands for what comes after: g is the gradient that arrives at the result.")
    console.print(forward_table(found))
    console.print()
    console.print(Text(seed_text(found), style="dim"))
    for step in found.steps:
        show_step(step_text(found, step), console)
    heading(console, "Gradients")
    console.print(gradient_table(found))


def plain_signature(function: Any) -> str:
    """The parameters and their defaults, without types."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def result_of(call: Call) -> Any:
    """The first result of the call, on its example inputs, that a gradient flows through; None without one."""
    result = call.run(**call.nodes(np.random.default_rng(0)))
    return next((y for y in leaves(result) if isinstance(y, Node) and y.requires_grad), None)


def made_of(found: Trace) -> list[str]:
    """The ops that run in a worked call, in order."""
    ops = [row.op for row in found.rows.values() if row.op]
    return list(dict.fromkeys(ops[:-2] if found.rows[found.output].name == "L" else ops))


def worked(call: Call) -> Trace | None:
    """The trace of a call; None when nothing in its result has a gradient.

    A result of many numbers is weighed with a constant g, 1, 2, 3 …, and summed: then g is the gradient that arrives
    at it.
    """
    if result_of(call) is None:
        return None

    def example() -> Any:
        y = result_of(call)
        y = y.named(y.name or "y")
        if y.size == 1:
            return y
        g = Tensor(np.arange(1.0, y.size + 1).reshape(y.shape), requires_grad=False, name="g")
        return (g * y).sum().named("L")

    found = trace(example, title=call.text)
    for row in found.rows.values():
        row.node.source = None  # lines of this file say nothing
    return found
