"""The picture of a trace that walks through its steps by itself: laid out once, with every step lying over it in turn.

One SVG file without scripts; browsers and image viewers that know CSS animations play it. Readers who ask their system
for less motion see the still picture. And the same as a GIF.
"""

import re
from html import escape, unescape
from io import BytesIO

from microgradx.explain.levels import picture as picture_of
from microgradx.explain.trace import Step, Trace
from microgradx.explain.wording import step_text
from microgradx.graph import OpError
from microgradx.graph.errors import install
from microgradx.pictures import PictureError
from microgradx.pictures.png import png_bytes
from microgradx.pictures.svg import size
from microgradx.rules.formula import slots

_SECONDS = 2.5  # for each step
_MOST = 500  # steps
_WIDEST = 1200  # pixels of a GIF
_ROOM, _LEFT = 22, 15  # points, for the line of text under the picture
_SHAPE = re.compile(r'<(?:polygon|path|ellipse)[^>]*?((?: (?:points|d|cx|cy|rx|ry)="[^"]*")+)/>', re.S)
# The colours of the page (page/style.css): where a step starts from, and where it arrives.
_MARKED = """.step .from, .step .to, .step .edge { fill: none; stroke: #1864ab; stroke-width: 2.6; }
.step .to, .step .edge { stroke: #d9480f; stroke-width: 3.6; }
"""
_MOVING = """.step { opacity: 0; animation: step %(total)gs step-end infinite; }
@keyframes step { 0%% { opacity: 1; } %(share)g%% { opacity: 0; } 100%% { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .step { animation: none; } }
"""


def animated(trace: Trace, engine: str = "auto") -> str:
    """The picture as SVG text in which the steps of the trace follow each other, each with its chain rule below.

    Raises:
        OpError: the trace has more steps than anybody watches.
        PictureError: no engine can draw it.
    """
    still, steps = _film(trace, engine)
    moving = _MOVING % {"total": _SECONDS * len(steps), "share": 100 / max(len(steps), 1)}
    return _styled(still, _MARKED + moving) + "".join(steps) + "</svg>\n"


def gif_bytes(trace: Trace, engine: str = "auto") -> bytes:
    """The same as a GIF, for where SVG does not move.

    Raises:
        PictureError: also when there is no PNG converter.
    """
    try:
        from PIL import Image
    except ImportError:
        raise PictureError(f"GIF needs Pillow: {install('png')}. An animated SVG works without.") from None
    still, steps = _film(trace, engine)
    frames = [f"{_styled(still, _MARKED)}{step}</svg>\n" for step in steps]
    images = [Image.open(BytesIO(png_bytes(frame, _WIDEST))).convert("P") for frame in frames]
    file = BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=round(1000 * _SECONDS), loop=0)
    return file.getvalue()


def _styled(svg: str, style: str) -> str:
    return svg.replace(">\n", f">\n<style>\n{style}</style>\n", 1)


def _film(trace: Trace, engine: str) -> tuple[str, list[str]]:
    """The still picture, open at its end, and for each step what lies over it."""
    if len(trace.steps) > _MOST:
        raise OpError(f"{trace.title} has {len(trace.steps):,} steps; an animation is for up to {_MOST}.")
    picture = picture_of(trace, engine)
    svg = picture.svg
    shapes = {unescape(name): shape for name, body in _groups(svg) if (shape := _SHAPE.search(body))}
    place = re.search(r'transform="[^"]*"', svg)  # of the graph, which the shapes are copied from
    assert place is not None, "Graphviz moves the graph into view"
    _, height = size(svg)
    for old, new in (
        (f'height="{height:g}pt"', f'height="{height + _ROOM:g}pt"'),
        (f' {height:g}"', f' {height + _ROOM:g}"'),
    ):
        svg = svg.replace(old, new, 1)
    steps = []
    for step in trace.steps:
        shown = f'class="step" style="animation-delay: {_SECONDS * (step.number - 1):g}s"'
        touched = "".join(
            f'<{shapes[name][0][1:].split()[0]} class="{kind}"{shapes[name][1]}/>'
            for name, kind in _marks(trace, step, picture.ids)
            if name in shapes
        )
        told = step_text(trace, step)
        rule = told.chain if " × " in told.chain else re.sub(" +", " ", told.formula)
        line = escape(f"step {step.number} of {len(trace.steps)}\u2003{told.where}\u2003{rule}")
        text = f'<text x="{_LEFT}" y="{height + 12:g}" font-size="11" {shown}>{line}</text>'
        steps.append(f"<g {place[0]}><g {shown}>{touched}</g></g>\n{text}\n")
    return svg.removesuffix("</svg>\n"), steps


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
