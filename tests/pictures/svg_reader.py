"""Reading a finished picture back: what is written in which box."""

from typing import Any
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}title"


def groups(svg: str, kind: str) -> dict[str, Any]:
    """The groups of one class (value, op, edge, cluster, fold), by id."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if kind in group.get("class", "").split():
            found[group.get("id", "")] = group
    return found


def texts(group: Any) -> list[str]:
    """The lines of text in a group."""
    return ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]


def tooltip(group: Any) -> str:
    """What the mouse shows; "" when there is none."""
    return next((link.get(LINK, "") for link in group.iter(f"{SVG}a")), "")


def fill(group: Any) -> str:
    """The colour of a box."""
    return str(next(group.iter(f"{SVG}polygon")).get("fill"))


def stroke(group: Any) -> str:
    """The colour of an edge."""
    return str(next(group.iter(f"{SVG}path")).get("stroke"))


def number(text: str) -> float:
    """A number as the picture writes it."""
    return float(text.removeprefix("grad ").replace("−", "-").replace("∞", "inf"))
