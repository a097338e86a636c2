"""The tables of a trace as cells of text; the terminal, Markdown and HTML views only lay them out."""

from microgradx.explain.arrays import shape_text
from microgradx.explain.trace import Trace
from microgradx.explain.wording import d, forward_text, place, result
from microgradx.rules.numbers import full, shown


def forward_cells(trace: Trace) -> list[tuple[str, ...]]:
    """Name, formula, value and place of every node."""
    return [
        (row.name, forward_text(trace, row), result(trace, ("value", row.id)), place(row) if row.op else "")
        for row in trace.rows.values()
        if row.op or row.node.requires_grad or row.node.name  # plain numbers explain themselves in the formulas
    ]


def gradient_columns(trace: Trace) -> tuple[str, ...]:
    """The heads of the table of gradients."""
    return "leaf", "value", "gradient", *([f"after a step, lr {full(trace.lr)}"] if trace.parameters else [])


def gradient_cells(trace: Trace) -> list[tuple[str, ...]]:
    """Name, value and gradient of every leaf that collects one; where there is a gradient step, the value after it."""
    return [
        (
            row.name, trace.numbers["value", row.id], f"{d(trace, row.name)} = {trace.numbers['gradient', row.id]}",
            result(trace, ("after", row.id)) if row.id in trace.parameters else "(not a parameter)",
        )[: len(gradient_columns(trace))]
        for row in trace.rows.values()
        if row.op is None and row.node.requires_grad and row.node.grad is not None
    ]  # fmt: skip


def notes(trace: Trace) -> list[str]:
    """What to know beforehand."""
    if not trace.numbers.loose:
        return trace.notes
    return [*trace.notes, "≈ marks a result that the ten digits of a pocket calculator do not reproduce to the last"]


LAYERS = (
    "layer", "output shape", "parameters", "norm of output", "of its gradient", "of the weights' gradient", "results",
)  # fmt: skip


def layer_cells(trace: Trace) -> list[tuple[str, ...]]:
    """The table of layers, in the order of LAYERS; "results" counts what each is made of."""
    return [
        (
            each.name, shape_text(each.shape), f"{each.parameters:,}", shown(each.output),
            *("–" if norm is None else shown(norm) for norm in (each.gradient, each.weights)), str(each.results),
        )
        for each in trace.layers
    ]  # fmt: skip
