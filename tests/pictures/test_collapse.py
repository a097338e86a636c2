"""Large graphs are folded until a person can read them, and the picture says what was folded."""

import html
from typing import Any

import pytest

import microgradx as mx
from microgradx import Value
from microgradx.graph import topological
from microgradx.pictures import draw
from tests.pictures import graphs
from tests.pictures.svg_reader import groups, texts


def folds(drawn: Any) -> list[str]:
    return sorted(" ".join(texts(group)) for group in groups(drawn.svg, "fold").values())


def test_a_small_graph_is_drawn_whole() -> None:
    loss = graphs.xor_scalar()
    assert folds(draw(loss, engine="wasi")) == []
    assert folds(draw(loss, engine="wasi", max_nodes=28)) == []


def test_repeated_scopes_are_drawn_once() -> None:
    drawn = draw(graphs.neurons(layers=1, width=10, inputs=20), engine="wasi")
    assert folds(drawn) == ["neuron1 … neuron9 ×9 more like neuron0"]
    assert drawn.notes[0].endswith("values are in 1 folder (all: max_nodes=None, or graph --max-nodes 0)")
    assert drawn.notes[0] in html.unescape(drawn.svg)
    assert [texts(group)[0] for group in groups(drawn.svg, "cluster").values()] == ["layer0", "neuron0"]


def test_outer_repeats_are_folded_first_and_inner_ones_only_when_needed() -> None:
    loss = graphs.neurons(layers=3, width=5, inputs=5)
    assert folds(draw(loss, engine="wasi", max_nodes=120)) == ["layer1 … layer2 ×2 more like layer0"]
    assert folds(draw(loss, engine="wasi", max_nodes=60)) == [
        "layer1 … layer2 ×2 more like layer0",
        "neuron1 … neuron4 ×4 more like neuron0",
    ]


def test_time_steps_of_an_lstm_are_repeats() -> None:
    drawn = draw(graphs.lstm(12), engine="wasi")
    assert folds(drawn) == ["step1 … step11 ×11 more like step0"]


def test_only_scopes_with_the_same_contents_and_names_are_repeats() -> None:
    x = Value(0.5, name="x")
    for k, op in enumerate([mx.tanh, mx.tanh, mx.exp]):
        with mx.scope(f"part{k}"):
            x = op(op(x))
    with mx.scope("other"):
        x = mx.tanh(mx.tanh(x))
    assert folds(draw(x, engine="wasi", max_nodes=8)) == ["part1 ×1 more like part0"]


def test_whole_scopes_are_folded_when_nothing_repeats() -> None:
    drawn = draw(graphs.neurons(scoped=False), engine="wasi")
    assert folds(drawn) == ["net 960 values mul ×300, add ×300, tanh ×30"]


def test_without_scopes_what_is_far_from_the_result_is_folded() -> None:
    y = x = Value(1.0, name="x")
    for _ in range(300):
        y = y * x
    y.backward()
    drawn = draw(y, engine="wasi", max_nodes=20)
    assert folds(drawn) == ["281 nodes farther from the result"]
    assert drawn.ids[y] in groups(drawn.svg, "value")


@pytest.mark.parametrize("limit", [1, 2, 7, 40, 400])
@pytest.mark.parametrize("scoped", [True, False])
def test_every_node_is_drawn_or_in_a_fold(limit: int, scoped: bool) -> None:
    loss = graphs.neurons(layers=2, width=6, inputs=6, scoped=scoped)
    drawn = draw(loss, engine="wasi", max_nodes=limit)
    boxes = groups(drawn.svg, "value")
    everything = boxes | groups(drawn.svg, "fold")
    assert set(drawn.ids) == set(topological(loss))
    assert set(drawn.ids.values()) == set(everything)
    assert len(boxes) <= max(limit, 20)


def test_all_of_it_on_request() -> None:
    loss = graphs.neurons()
    drawn = draw(loss, engine="wasi", max_nodes=None)
    assert len(groups(drawn.svg, "value")) == len(topological(loss)) == 979
    assert folds(drawn) == []


def test_a_very_large_graph_is_drawn_in_moments() -> None:
    y = x = Value(1.0, name="x")
    for _ in range(20_000):
        y = y * x
    y.backward()
    assert "values are in 1 folder" in draw(y, engine="wasi").svg
