"""The animated picture: one SVG without scripts, in which every step lights up its own boxes and edges."""

import re
import xml.etree.ElementTree as ElementTree
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import microgradx as mx
from microgradx.explain.animation import animated, gif_bytes
from microgradx.explain.levels import at_level
from tests.explain.test_calculator import example

SVG = "{http://www.w3.org/2000/svg}"


def steps_of(svg: str) -> list[list[str]]:
    """What each step marks."""
    root = ElementTree.fromstring(svg)
    return [[part.get("class") for part in g] for g in root.iter(f"{SVG}g") if g.get("class") == "step"]


@pytest.mark.parametrize("level", ["scalar", "tensor"])
def test_every_step_marks_two_boxes_an_op_and_two_edges(level):
    trace = example("xor", level=level)
    svg = animated(trace)
    assert steps_of(svg) == [["from", "to", "from", "edge", "edge"]] * len(trace.steps)
    assert "<script" not in svg and "prefers-reduced-motion" in svg


def test_a_step_is_told_in_words_at_its_time():
    svg = animated(mx.trace(lambda x: (x * 3.0).sin(), 0.5))
    text = re.search(r'<text[^>]*delay: 2.5s">(.*?)</text>', svg)
    assert text and "step 2 of 2" in text[1] and "× 3 = " in text[1]
    assert "step 5s step-end infinite" in svg and "50% { opacity: 0; }" in svg


def test_a_gif_has_a_frame_for_every_step():
    film = Image.open(BytesIO(gif_bytes(mx.trace(lambda x: (x * 3.0).sin(), 0.5))))
    assert (film.format, film.n_frames, film.info["duration"]) == ("GIF", 2, 2500)
    first = np.asarray(film.convert("L"), float)
    film.seek(1)
    assert np.abs(np.asarray(film.convert("L"), float) - first).max() > 100, "each step marks something else"


def test_layers_light_up_too():
    found = steps_of(animated(at_level(example("digits-mlp"), "layer")))
    assert found and all("from" in marks and "to" in marks for marks in found)
    assert any("edge" in marks for marks in found)


def test_what_nobody_would_watch_is_refused():
    def long(x):
        for _ in range(501):
            x = x * 1.01
        return x

    with pytest.raises(mx.OpError, match="501 steps; an animation is for up to 500"):
        animated(mx.trace(long, 1.0))
