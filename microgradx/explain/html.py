"""The trace as one self-contained page: picture, slider, MathML formulas; no network, readable without scripts."""

import ast
from collections.abc import Iterable
from html import escape
from importlib.resources import files

from microgradx.explain.levels import picture as picture_of
from microgradx.explain.tables import LAYERS, forward_cells, gradient_cells, gradient_columns, layer_cells, notes
from microgradx.explain.trace import Row, Step, Trace
from microgradx.explain.wording import d, rule_expression, seed_text, step_text, update_text
from microgradx.graph import Value
from microgradx.rules.notation import in_slot, mathml


def as_html(trace: Trace, engine: str = "auto", max_steps: int | None = None) -> str:
    """The page as text; write it to a file and open it in any browser."""
    steps = trace.steps if max_steps is None else trace.steps[:max_steps]
    left = len(trace.steps) - len(steps)
    picture = picture_of(trace, engine)
    page = files("microgradx.explain") / "page"
    svg = picture.svg[picture.svg.index("<svg") :]
    body = [
        f"<h1>Trace of {escape(trace.title)}</h1>",
        *(f'<p class="note">{escape(note)}</p>' for note in notes(trace)),
        "<h2>Backward: the chain rule, edge by edge</h2>",
        f"<p>{escape(seed_text(trace))}</p>",
        _CONTROLS.format(last=len(steps)),
        *(_step(trace, step, picture.ids) for step in steps),
        *([f"<p>… {left} more steps (of {len(trace.steps)})</p>"] if left else []),
        f'<figure aria-label="The computation graph">{svg}</figure>',
        *(["<h2>Layers</h2>", _table(LAYERS, layer_cells(trace))] if trace.layers else []),
        "<h2>Forward</h2>",
        _table(("name", "formula", "value", "where"), forward_cells(trace)),
        "<h2>Gradients</h2>",
        _table(gradient_columns(trace), gradient_cells(trace)),
        f"<p><strong>{escape(update_text(trace))}</strong></p>",
    ]
    return _PAGE.format(
        title=escape(trace.title), style=(page / "style.css").read_text("utf-8"), body="\n".join(body),
        script=(page / "script.js").read_text("utf-8").replace("</", "<\\/"),
    )  # fmt: skip


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>microgradx: trace of {title}</title>
<style>{style}</style>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""
_CONTROLS = """<div class="controls" hidden><button id="back" aria-label="previous step">←</button>
<input id="slider" type="range" min="1" max="{last}" value="1" aria-label="step">
<button id="next" aria-label="next step">→</button><span id="count"></span></div>"""


def _step(trace: Trace, step: Step, ids: dict[object, str]) -> str:
    text = step_text(trace, step)
    node, target = trace.rows[step.node], trace.rows[step.input]
    after = text.formula.partition("    ")[2]  # shapes follow the formula
    lines = [
        ("local", f'<math displaystyle="true">{_formula(trace, step, node, target)}</math> {escape(after)}'),
        ("", f"= {escape(text.numbers)}" if text.numbers else ""),
        ("chain", escape(text.chain)),
        ("total", f'<span class="total">{escape(text.total)}</span>'),
        *(("why", escape(note)) for note in text.notes),
    ]
    listed = "".join(f"<dt>{label}</dt><dd>{content}</dd>" for label, content in lines if content)
    return (
        f'<section class="step" id="step-{step.number}" data-node="{ids.get(node.node, "")}" '
        f'data-input="{ids.get(target.node, "")}"><h3><a href="#step-{step.number}">{step.number}</a> '
        f'<span class="from">{escape(node.name)}</span> → <span class="to">{escape(target.name)}</span></h3>'
        f'<div class="place">{escape(text.place)}</div><dl>{listed}</dl></section>'
    )


def _formula(trace: Trace, step: Step, node: Row, target: Row) -> str:
    """∂node/∂input = the rule, or ∂L/∂input = the pull-back, in MathML."""
    scalar = isinstance(node.node, Value) and step.local is not None
    above = node.name if scalar else trace.rows[trace.output].name
    upstream = {d(trace, node.name): _fraction(trace.rows[trace.output].name, node.name)}
    right = mathml(rule_expression(trace, step), upstream)
    if not scalar and step.local is not None:
        one = isinstance(step.formula, ast.Constant) and step.formula.value == 1
        factor = "" if one else f'<mo>⊙</mo><mo stretchy="false">(</mo>{right}<mo stretchy="false">)</mo>'
        over = (
            f"<munder><mo>∑</mo><mtext>axis {', '.join(map(str, step.summed))}</mtext></munder>" if step.summed else ""
        )
        right = over + _fraction(above, node.name) + factor
    return f"{_fraction(above, target.name)}<mo>=</mo>{right}"


def _fraction(above: str, below: str) -> str:
    parts = (f"<mrow><mo>∂</mo><mi>{escape(in_slot(name))}</mi></mrow>" for name in (above, below))
    return f"<mfrac>{''.join(parts)}</mfrac>"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
