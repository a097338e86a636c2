"""From Graphviz's SVG to ours: one font list for any script, and the colour bar under the graph."""

import re

from microgradx.pictures.colour import Scale
from microgradx.pictures.dot import FONT
from microgradx.rules.numbers import shown

# After the bundled font: Verdana has its widths; the others have Korean, Chinese and Japanese.
FAMILIES = f"{FONT}, Verdana, 'Noto Sans CJK KR', 'Noto Sans KR', 'Malgun Gothic', 'Apple SD Gothic Neo', sans-serif"
_CELL, _BAR, _ROOM, _LEFT = 30, 8, 26, 15  # points


def finished(svg: str, scale: Scale | None) -> str:
    """The SVG without Graphviz's preamble and comments, with our fonts, and a legend."""
    svg = re.sub(r"<!--.*?-->\n?", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' font-family="[^"]*"', "", svg).replace('"transparent"', '"none"')
    width, height = size(svg)
    bar = ""
    if scale is not None and scale.top:
        bar = _bar(scale, height)
        width, height = max(width, 2 * _LEFT + _CELL * len(scale.stops())), height + _ROOM
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="computation graph" '
        f'width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}" font-family="{FAMILIES}">\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
    )
    body = svg[svg.index(">") + 1 :].strip()
    return head + body.removesuffix("</svg>") + bar + "</svg>\n"


def size(svg: str) -> tuple[float, float]:
    """Width and height in points."""
    found = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert found is not None, "Graphviz's SVG, and ours, start with their size"
    return float(found[1]), float(found[2])


def _bar(scale: Scale, top: float) -> str:
    cells = []
    for i, gradient in enumerate(scale.stops()):
        x, rounded = _LEFT + i * _CELL, shown(float(f"{gradient:.2g}"))
        cells.append(
            f'<rect x="{x}" y="{top:g}" width="{_CELL}" height="{_BAR}" fill="{scale.fill(gradient)}" stroke="#888888" '
            f'stroke-width="0.5"/><text x="{x + _CELL / 2:g}" y="{top + _BAR + 9:g}">{rounded}</text>\n'
        )
    return f'<g class="legend" font-size="7" text-anchor="middle" fill="#555555">\n{"".join(cells)}</g>\n'
