"""SVG to PNG without a browser: resvg, with a font of our own so that every machine draws the same."""

import re
import struct
import unicodedata
import warnings
from functools import cache
from html import escape, unescape
from pathlib import Path

from microgradx.graph.errors import install
from microgradx.pictures.engines import PictureError
from microgradx.pictures.svg import size

FONT_FILE = Path(__file__).parent / "fonts" / "DejaVuSans-subset.ttf"
_WIDEST, _TALLEST = 4000, 8000  # pixels


def png_bytes(svg: str, widest: int = _WIDEST) -> bytes:
    """The SVG at twice screen size, or as large as `widest` × 8,000 pixels allow.

    Characters that the bundled font lacks (Korean, emoji …) are taken from the system's fonts; a warning
    names those that no font has.

    Raises:
        PictureError: the converter is not installed.
    """
    try:
        import resvg_py
    except ImportError:
        raise PictureError(f"PNG needs resvg-py: {install('png')}. SVG and DOT work without.") from None
    width, height = (points * 96 / 72 for points in size(svg))
    scale = min(2.0, widest / width, _TALLEST / height)
    strangers = "".join(sorted(set(unescape("".join(re.findall(r"<text[^>]*>([^<]*)", svg)))) - covered()))
    if strangers:
        _warn_missing(strangers)
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, dpi=96, width=max(1, round(width * scale)), font_files=[str(FONT_FILE)],
            font_family="DejaVu Sans", skip_system_fonts=not strangers,
        )
    )  # fmt: skip


@cache
def covered() -> frozenset[str]:
    """The characters that the bundled font has, from its `cmap` table (OpenType, format 4)."""
    data = FONT_FILE.read_bytes()
    tables = {data[12 + 16 * i : 16 + 16 * i]: struct.unpack_from(">I", data, 20 + 16 * i)[0] for i in range(data[5])}
    start = tables[b"cmap"]
    for i in range(struct.unpack_from(">H", data, start + 2)[0]):
        at = start + struct.unpack_from(">I", data, start + 8 + 8 * i)[0]
        if struct.unpack_from(">H", data, at)[0] == 4:
            break
    count = struct.unpack_from(">H", data, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", data, at + 14)
    starts = struct.unpack_from(f">{count}H", data, at + 16 + 2 * count)
    return frozenset(chr(code) for a, b in zip(starts, ends, strict=True) for code in range(a, min(b, 0xFFFE) + 1))


def _warn_missing(characters: str) -> None:
    import resvg_py

    def drawn(character: str) -> bytes:
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15">{character}</text></svg>'
        return bytes(resvg_py.svg_to_bytes(svg_string=svg, font_family="DejaVu Sans"))

    nothing = {drawn("\U0010ffff"), drawn(" ")}  # what is seen where no font has the character
    visible = [c for c in characters if unicodedata.category(c)[0] in "LNPS"]
    missing = "".join(c for c in visible if drawn(escape(c)) in nothing)
    if missing:
        warnings.warn(
            f"PNG: no font on this machine has {missing!r}, so these characters are missing in the picture; "
            "install a font that has them (for Korean: fonts-nanum or fonts-noto-cjk), or save it as .svg.",
            stacklevel=5,
        )
