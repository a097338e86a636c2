"""Every example, at every level, is traced, drawn and written as JSON; wrong requests are told what is right."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import microgradx
from microgradx.examples import EXAMPLES, ExampleError, Program, find
from microgradx.explain import trace
from microgradx.explain.json_view import as_json
from microgradx.explain.markdown import as_markdown
from microgradx.pictures import draw

SCHEMA = json.loads((Path(microgradx.__file__).parent / "explain" / "trace.schema.json").read_text("utf-8"))
LEVELS = [(name, level) for name, each in EXAMPLES.items() for level in each.levels]


def test_the_promised_examples_are_there() -> None:
    promised = (
        "xor xor-zero xor-deep neuron two-paths polynomial control-flow second-derivative softmax-ce conv1d conv2d "
        "three-filters max-pool pool-same batch-norm rnn-cell lstm-cell attention"
    )
    assert set(promised.split()) <= set(EXAMPLES)
    assert all(name == each.name and each.title for name, each in EXAMPLES.items())


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_every_example_is_traced_drawn_and_written(name: str, level: str) -> None:
    program = EXAMPLES[name].program(level=level)
    found = trace(program.function, **program.arguments, parameters=program.parameters, title=name)
    assert found.steps[-1].complete
    assert found.scalar == (level == "scalar")
    parameters = {found.rows[i].name for i in found.parameters}
    assert parameters == set(program.parameters), "each parameter is a leaf of the graph"
    assert f"trace of {name}" in str(found)
    assert as_markdown(found).startswith(f"# Trace of {name}")
    jsonschema.validate(json.loads(json.dumps(as_json(found), allow_nan=False)), SCHEMA)
    names = {row.node: row.name for row in found.rows.values()}
    svg = draw(found.rows[found.output].node, names=names, engine="wasi").svg
    assert all(f">{name}<" in svg or f">{name} (" in svg for name in program.parameters)


@pytest.mark.parametrize("name", EXAMPLES)
def test_building_twice_gives_the_same_numbers_in_new_nodes(name: str) -> None:
    first, second = EXAMPLES[name].program(), EXAMPLES[name].program()
    for a, b in zip(first.arguments.values(), second.arguments.values(), strict=True):
        np.testing.assert_array_equal(getattr(a, "data", a), getattr(b, "data", b))
        assert a is not b or not hasattr(a, "grad")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("neuron", {"sample": 1}, "takes no option sample"),
        ("xor-deep", {"weights": "hand"}, "it takes seed"),
        ("two-paths", {"level": "tensor"}, "level is always scalar"),
        ("xor", {"level": "layer"}, "one of scalar, tensor"),
        ("xor", {"sample": 4}, "one of 0, 1, 2, 3"),
        ("xor", {"weights": "good"}, "one of random, hand, trained"),
        ("xor", {"epochs": 3}, "nothing is trained"),
        ("xor", {"epochs": 0, "weights": "trained"}, "at least 1"),
        ("xor", {"seed": 3, "weights": "hand"}, "weights are fixed"),
        ("xor", {"seed": -1}, "from 0"),
        ("xor-deep", {"seed": -1}, "from 0"),
    ],
)
def test_a_wrong_option_is_told_what_is_right(name: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(ExampleError, match=told):
        EXAMPLES[name].program(**options)


def test_an_unknown_example_is_told_what_is_near() -> None:
    with pytest.raises(ExampleError, match="Did you mean two-paths"):
        find("two-path", EXAMPLES)
    assert find("xor", EXAMPLES) is EXAMPLES["xor"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"w3": 1.0}, "Did you mean w2 or w1"),
        ({"t": [1.0]}, "single number"),
        ({"w1": [1.0]}, "single number"),
    ],
)
def test_a_wrong_argument_is_told_what_is_right(values: dict[str, object], told: str) -> None:
    with pytest.raises(ExampleError, match=told):
        EXAMPLES["neuron"].program().at(values)


def test_replaced_arguments_keep_their_kind() -> None:
    program: Program = EXAMPLES["neuron"].program().at({"t": 0, "w1": 2})
    assert (program.arguments["t"].data, program.arguments["t"].requires_grad) == (0.0, False)
    assert program.arguments["w1"] == 2
    with pytest.raises(ExampleError, match="whole number"):
        EXAMPLES["control-flow"].program().at({"n": 2.5})


def numbers_changed(program: Program) -> dict[str, object]:
    """Its first argument that is no setting, every number of it one more."""
    name, old = next((n, a) for n, a in program.arguments.items() if not isinstance(a, (str, int)))
    return {name: (np.asarray(getattr(old, "data", old)) + 1.0).tolist()}


OWN = [
    "softmax-ce",
    "conv1d",
    "conv2d",
    "three-filters",
    "max-pool",
    "pool-same",
    "two-paths",
    "control-flow",
    "xor-zero",
]


@pytest.mark.parametrize("name", OWN)
def test_notes_that_name_the_examples_numbers_are_not_shown_at_others(name: str) -> None:
    for level in EXAMPLES[name].levels:
        program = EXAMPLES[name].program(level=level)
        assert program.notes
        assert not program.at(numbers_changed(program)).notes


def test_notes_that_hold_everywhere_stay_and_so_do_all_where_nothing_changes() -> None:
    attention = EXAMPLES["attention"].program()
    assert attention.at(numbers_changed(attention)).notes == attention.notes
    pooled = EXAMPLES["pool-same"].program()
    assert pooled.at({"image": [[[[4, 3], [2, 1]]]]}).notes == pooled.notes
    assert EXAMPLES["conv2d"].program().at({"padding": "same"}).notes
