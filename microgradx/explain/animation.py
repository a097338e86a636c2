"""The picture of a trace that walks through its steps by itself: laid out once, with every step lying over it in turn.

One SVG file without scripts; browsers and image viewers that know CSS animations play it. Readers who ask their system
for less motion see the still picture.
"""

import re
from html import escape, unescape

from microgradx.explain.levels import picture as picture_of
from microgradx.explain.trace import Step, Trace
from microgradx.explain.wording import step_text
from microgradx.graph import OpError
from microgradx.pictures.svg import size
from microgradx.rules.formula import slots

_SECONDS = 2.5  # for each step
_MOST = 500  # steps
_ROOM, _LEFT = 22, 15  # points, for the line of text under the picture
_SHAPE = re.compile(r'<(?:polygon|path|ellipse)[^>]*?((?: (?:points|d|cx|cy|rx|ry)="[^"]*")+)/>', re.S)
_STYLE = """<style>
.step { opacity: 0; animation: step %(total)gs step-end infinite; }
.step .from, .step .to, .step .edge { fill: none; stroke: #222222; stroke-width: 2.4; }
.step .to { stroke-width: 3.4; stroke: #1b6e3c; }
.step .edge { stroke-width: 4; stroke: #1b6e3c; }
@keyframes step { 0%% { opacity: 1; } %(share)g%% { opacity: 0; } 100%% { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .step { animation: none; } }
</style>
"""


def animated(trace: Trace, engine: str = "auto") -> str:
    """The picture as SVG text in which the steps of the trace follow each other, each with its chain rule below.

    Raises:
        OpError: the trace has more steps than anybody watches.
        PictureError: no engine can draw it.
    """
    if len(trace.steps) > _MOST:
        raise OpError(f"{trace.title} has {len(trace.steps):,} steps; an animation is for up to {_MOST}.")
    picture = picture_of(trace, engine)
    svg = picture.svg
    shapes = {unescape(name): shape for name, body in _groups(svg) if (shape := _SHAPE.search(body))}
    _, height = size(svg)
    share = 100 / max(len(trace.steps), 1)
    style = _STYLE % {"total": _SECONDS * len(trace.steps), "share": share}
    layers, lines = [], []
    for step in trace.steps:
        delay = f'class="step" style="animation-delay: {_SECONDS * (step.number - 1):g}s"'
        touched = "".join(
            f'<{shapes[name][0][1:].split()[0]} class="{kind}"{shapes[name][1]}/>'
            for name, kind in _marks(trace, step, picture.ids)
            if name in shapes
        )
        layers.append(f"<g {delay}>{touched}</g>\n")
        told = step_text(trace, step)
        rule = told.chain if " × " in told.chain else re.sub(" +", " ", told.formula)
        line = f"step {step.number} of {len(trace.steps)}\u2003{told.where}\u2003{rule}"
        lines.append(f'<text x="{_LEFT}" y="{height + 12:g}" font-size="11" {delay}>{escape(line)}</text>\n')
    higher = [(f'height="{height:g}pt"', f'height="{height + _ROOM:g}pt"'), (f' {height:g}"', f' {height + _ROOM:g}"')]
    for old, new in higher:
        svg = svg.replace(old, new, 1)
    place = re.search(r'transform="[^"]*"', svg)  # of the graph, which the shapes are copied from
    assert place is not None, "Graphviz moves the graph into view"
    marks = f"<g {place[0]}>\n{''.join(layers)}</g>\n"
    return svg.replace(">\n", f">\n{style}", 1).removesuffix("</svg>\n") + marks + "".join(lines) + "</svg>\n"


def _groups(svg: str) -> list[tuple[str, str]]:
    """The id and the inside of every box, circle and edge."""
    return re.findall(r'<g id="([^"]+)" class="(?:node|edge)[^"]*">(.*?)</g>', svg, re.S)


def _marks(trace: Trace, step: Step, ids: dict[object, str]) -> list[tuple[str, str]]:
    """The SVG ids that a step touches, and how: the node it starts from, its op and edges, the input it reaches."""
    node, target = trace.rows[step.node].node, trace.rows[step.input].node
    ends = [(ids[node], "from"), (ids[target], "to")]
    prefix, head, number = _parts(ids[node])
    tail = ids[target][len(prefix) :]
    if head == "f" or tail[0] == "f":  # drawn as one box with others
        return [*ends, (f"{prefix}e-{tail}-{'f' if head == 'f' else 'o'}{number}", "edge")]
    names = slots(node.op, len(node.inputs))
    edge = f"{prefix}e{number}"
    return [*ends, (f"{prefix}o{number}", "from"), (edge, "edge"), (f"{edge}-{names.index(step.slot)}", "edge")]


def _parts(name: str) -> tuple[str, str, str]:
    """The id of a box: what all ids of a picture begin with, n for a value or f for a folder, and its number."""
    found = re.fullmatch(r"(.*)([nf])(\d+)", name)
    assert found is not None, name
    return found[1], found[2], found[3]
