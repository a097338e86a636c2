"""Layers, tensors, scalars: three levels of one trace agree, and one can be opened from the next."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import microgradx as mx
from microgradx import nn
from microgradx.explain import levels
from microgradx.explain.html import as_html
from microgradx.explain.json_view import as_json
from microgradx.explain.levels import at_level, picture
from microgradx.explain.markdown import as_markdown
from microgradx.explain.trace import Trace
from microgradx.graph import OpError

SCHEMA = json.loads((Path(mx.__file__).parent / "explain" / "trace.schema.json").read_text("utf-8"))


def whole() -> Trace:
    """A small network whose first layer is read twice: by the next layer, and past it."""
    mx.manual_seed(0)
    net = nn.Sequential({"first": nn.Linear(2, 3), "bend": nn.Tanh(), "last": nn.Linear(3, 3)})

    def step(X: Any) -> Any:
        h = net[1](net[0](X))
        with mx.scope("outer"):
            y = net[2](h) + h
        L = y.sum()
        return L

    weights = [name for name, _ in net.named_parameters()]
    found: Trace = mx.trace(step, mx.Tensor([[1.0, -2.0], [0.5, 3.0]], False, name="X"), parameters=weights)
    return found


@pytest.fixture
def trace() -> Trace:
    return whole()


def totals(trace: Trace) -> dict[str, np.ndarray]:
    """The gradients that the steps of the trace add up to, by the name of the input."""
    return {trace.rows[step.input].name: step.total for step in trace.steps if step.complete}


def test_a_layers_steps_hand_back_what_its_tensor_steps_do(trace: Trace) -> None:
    layers = at_level(trace, "layer")
    assert [row.name for row in layers.rows.values()] == [
        "X", "first.weight", "first.bias", "last.weight", "last.bias", "first", "h", "y", "L",
    ]  # fmt: skip
    assert len(layers.steps) < len(trace.steps)
    assert [step.number for step in layers.steps] == list(range(1, len(layers.steps) + 1))
    for i, row in layers.rows.items():
        assert row.node is trace.rows[i].node
        if row.node.requires_grad and i != layers.output:
            np.testing.assert_allclose(totals(layers)[row.name], row.node.grad, atol=1e-12)


def test_the_table_of_layers_has_shapes_parameters_and_norms(trace: Trace) -> None:
    first, bend, outer = at_level(trace, "layer").layers
    assert (first.name, first.shape, first.parameters, first.results) == ("first", (2, 3), 9, 2)
    assert (bend.parameters, bend.weights) == (0, None)
    rows = {row.name: row.node for row in trace.rows.values()}
    assert outer.output == pytest.approx(np.linalg.norm(rows["y"].data))
    assert bend.gradient == pytest.approx(np.linalg.norm(rows["h"].grad))
    weights = [rows["first.weight"].grad.ravel(), rows["first.bias"].grad]
    assert first.weights == pytest.approx(np.linalg.norm(np.concatenate(weights)))


def test_a_layer_is_opened_by_its_name_and_layers_inside_it_too(trace: Trace) -> None:
    inside = at_level(trace, None, "outer")
    assert {step.number for step in inside.steps} < {step.number for step in trace.steps}
    assert all(inside.rows[step.node].node.scope.startswith("outer") for step in inside.steps)
    assert "a layer of step" in str(inside) and "Gradients arrive from behind outer" in str(inside)
    deeper = at_level(trace, "layer", "outer")
    assert [layer.name for layer in deeper.layers] == ["outer.last"]
    assert at_level(trace, None, "outer.last").steps


def test_an_opened_layer_leaves_the_whole_as_it_was(trace: Trace) -> None:
    before = str(trace)
    picture(at_level(trace, "layer", "first"))
    assert str(trace) == before


def test_as_scalars_every_gradient_is_that_of_the_tensors(trace: Trace) -> None:
    scalars = at_level(trace, "scalar")
    assert scalars.scalar
    assert "(largest difference 0)" in scalars.notes[-1] or "e-1" in scalars.notes[-1]
    weight = next(row.node for row in trace.rows.values() if row.name == "first.weight")
    gradients = [scalars.gradients[f"first.weight[{i},{j}]"] for i, j in np.ndindex(3, 2)]
    np.testing.assert_allclose(gradients, weight.grad.ravel(), atol=1e-12)
    assert len(scalars.parameters) == sum(trace.rows[i].node.size for i in trace.parameters)
    assert scalars.loss_after == pytest.approx(trace.loss_after)


def test_one_layer_as_scalars(trace: Trace) -> None:
    opened = at_level(trace, "scalar", "bend")
    assert {row.op for row in opened.rows.values()} == {"tanh", None}
    assert len(opened.steps) == 6


def test_of_what_is_too_large_one_entry_is_shown(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "MOST_SCALARS", 20)
    entry = at_level(trace, "scalar")
    assert entry.scalar and len(entry.rows) < 20
    assert "Choose any other with --zoom" in entry.notes[-1]


@pytest.mark.parametrize(("level", "zoom"), [("layer", None), (None, "first"), ("layer", "outer"), ("scalar", None)])
def test_every_view_shows_every_level(trace: Trace, level: str | None, zoom: str | None) -> None:
    found = at_level(trace, level, zoom)
    jsonschema.validate(json.loads(json.dumps(as_json(found), allow_nan=False)), SCHEMA)
    drawn = picture(found, engine="wasi")
    assert {row.node for row in found.rows.values() if row.op} <= set(drawn.ids)
    if level == "layer":
        name = found.layers[0].name.rpartition(".")[2]
        assert f">{name}<" in drawn.svg and "gradient norm" in drawn.svg
        assert "## Layers" in as_markdown(found) and "<h2>Layers</h2>" in as_html(found, engine="wasi")
    else:
        assert "## Layers" not in as_markdown(found)


def test_an_unknown_layer_is_told_what_there_is(trace: Trace) -> None:
    with pytest.raises(OpError, match="no node second"):
        at_level(trace, None, "second")


def test_without_layers_the_layer_level_says_so() -> None:
    flat = at_level(mx.trace(lambda x: x * x, 2.0), "layer")
    assert "nothing here was made in a layer" in flat.notes[-1]
    assert len(flat.rows) == 2
