"""`draw`: a node's graph as a picture to look at, save or show in a notebook."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from microgradx.files import write_atomically
from microgradx.graph import MicrogradxError
from microgradx.pictures.dot import Drawing, drawing
from microgradx.pictures.engines import ENGINES, PictureError, lay_out
from microgradx.pictures.png import png_bytes
from microgradx.pictures.svg import finished


def draw(
    node: Any,
    *,
    grads: bool = True,
    max_nodes: int | None = 150,
    names: Mapping[Any, str] | None = None,
    engine: str = "auto",
    folds: Mapping[Any, tuple[str, str]] | None = None,
) -> "Picture":
    """Draw the graph that ends in `node` (or in each of a list of nodes).

    Args:
        grads: show gradients (after `backward()`), as numbers and as colour.
        max_nodes: a graph with more values is collapsed: repeated scopes first, then whole scopes, then
            what is farthest from the result; the picture says what. None draws everything.
        names: labels for nodes, instead of their own names.
        folds: nodes to draw as one box, whatever the size of the graph: for each, the box's title and text.
        engine: who lays it out: "dot" (the system's Graphviz), "wasi" (embedded), or "auto", the first that works.

    Raises:
        OpError: `node` is not a node.
        PictureError: the engine is unknown.
    """
    if engine != "auto" and engine not in ENGINES:
        raise PictureError(f"unknown engine {engine!r}; choose auto, {' or '.join(ENGINES)}.")
    return Picture(drawing(node, grads=grads, max_nodes=max_nodes, names=names, folds=folds), engine)


class Picture:
    """A drawn graph. Laid out on first use; afterwards it never changes.

    `dot` is its DOT text, `notes` what the reader should know (backward not run, what was collapsed), and
    `ids` maps each node to the SVG id of its box: a value "…n5" has its op in "…o5", the edge between them
    is "…e5", and the edge from the op's input 1 is "…e5-1".
    """

    def __init__(self, drawn: Drawing, engine: str = "auto") -> None:
        self.dot, self.ids, self.notes = drawn.dot, drawn.ids, drawn.notes
        self._drawn, self._wanted = drawn, engine

    def __repr__(self) -> str:
        count = (
            f"{self._drawn.shown} of {self._drawn.total}"
            if self._drawn.shown < self._drawn.total
            else self._drawn.total
        )
        return f"<Picture of {count} values>"

    @cached_property
    def _laid_out(self) -> tuple[str, str]:
        svg, engine = lay_out(self.dot, self._wanted)
        return finished(svg, self._drawn.scale), engine

    @property
    def svg(self) -> str:
        """The picture as SVG text; a PictureError when no engine can draw it."""
        return self._laid_out[0]

    @property
    def engine(self) -> str:
        """Which engine drew it: "dot" or "wasi"."""
        return self._laid_out[1]

    def png(self) -> bytes:
        """The picture as PNG, twice screen size and at most 4,000 pixels wide; needs microgradx[png]."""
        return png_bytes(self.svg)

    def save(self, path: str | Path) -> Path:
        """Write the picture, as its suffix says: .svg, .png or .dot. An existing file stays whole on failure.

        Raises:
            PictureError: another suffix, no engine, or no PNG converter.
            FileError: the place cannot be written.
        """
        writers: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.svg,
            ".png": self.png,
            ".dot": lambda: self.dot,
        }
        suffix = Path(path).suffix.lower()
        if suffix not in writers:
            raise PictureError(
                f"{path}: a picture is saved as {', '.join(writers)}; the suffix {suffix!r} is none of them."
            )
        return write_atomically(path, writers[suffix]())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """What a notebook shows: the SVG where it can be drawn, and always a plain line."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except MicrogradxError as problem:
            return {"text/plain": f"{self!r} (not drawn: {problem})"}
