"""A node that becomes a plain number loses its gradient: a trace says where, and what to write instead."""

import math

import numpy as np
import pytest

import microgradx as mx
from microgradx.explain.html import as_html
from microgradx.explain.json_view import as_json
from microgradx.explain.levels import at_level
from microgradx.explain.markdown import as_markdown
from microgradx.explain.text import as_text
from microgradx.nn.losses import CTCLoss


def by_math(x):
    return math.log(x) * x


def by_float(x):
    k = float(x)
    return k * x


def by_item(x):
    return x.item() * x


def by_int(x):
    return int(x) * x


def by_value(x):
    return mx.Value(x) * x


def by_numpy(x):
    return x.numpy() * x


def by_list(x):
    return x.tolist() * x


LOST = [
    (by_math, "return math.log(x) * x. Write mx.log for math.log"),
    (by_float, "k = float(x). Leave float(), int() and .item() out"),
    (by_item, "return x.item() * x. Leave"),
    (by_int, "return int(x) * x. Leave"),
    (by_value, "return mx.Value(x) * x. It is a node already"),
    (by_numpy, "return x.numpy() * x. Leave out array()"),
    (by_list, "return x.tolist() * x. Leave out array()"),
]


@pytest.mark.parametrize("x", [2.0, mx.Tensor(2.0)], ids=["Value", "Tensor"])
@pytest.mark.parametrize(("function", "told"), LOST, ids=lambda part: getattr(part, "__name__", ""))
def test_every_view_says_at_the_top_where_a_gradient_got_lost(function, told, x):
    trace = mx.trace(function, x)
    (note,) = trace.notes
    assert note.startswith("No gradient flows through x where it becomes a plain number, at test_lost.py:")
    assert told in note
    assert as_json(trace)["notes"] == [note]
    for shown in (as_text(trace, width=1000), as_markdown(trace), as_html(trace)):
        assert shown.index(note) < shown.index("Forward")
    assert note in at_level(trace, "scalar").notes


def test_arrays_made_of_tensors_and_data_are_losses_too():
    def by_array(x, y):
        z = np.asarray(x) * y
        return z.sum()

    def by_data(x, y):
        if x.data[0] > 5:
            print(x.data)
        return (np.exp(x.data) * y).sum()

    x, y = mx.Tensor([1.0, 2.0]), mx.Tensor([3.0, 4.0])
    lost, apart = mx.trace(by_array, x, y).notes
    assert (
        "through x where it becomes plain numbers, at test_lost.py" in lost
        and "functions of NumPy take tensors" in lost
    )
    assert apart == "No path leads from x to f, so x has no gradient."
    lost, apart = mx.trace(by_data, x, y).notes
    assert "through x where" in lost and "return (np.exp(x.data) * y).sum(). Leave .data out" in lost


def doubled(x):
    return x.data * 2


def test_data_read_by_a_helper_is_a_loss_and_of_a_constant_it_is_none():
    (note,) = mx.trace(lambda x: x * x + doubled(x), 3.0).notes
    assert "through x where it becomes a plain number" in note and "return x.data * 2. Leave .data out" in note
    assert mx.trace(lambda x: x * doubled(mx.Value(3.0, requires_grad=False)), 3.0).notes == []


class DataSet:
    data = np.array([3.0, 4.0])


SAMPLES = DataSet()


def test_the_data_of_a_data_set_is_no_loss():
    around, node = DataSet(), mx.Value(3.0, name="node")
    notes = mx.trace(lambda w: (w * SAMPLES.data + around.data).sum(), mx.Tensor([1.0, 2.0])).notes
    assert notes == []

    def by_node(w):
        return w * node.data

    assert "through node where" in mx.trace(by_node, 2.0).notes[0], "a node's is one, from outside too"


def test_arguments_without_a_path_to_the_result_are_named():
    assert mx.trace(lambda x, y: x * 2, 1.0, 2.0).notes == ["No path leads from y to f, so y has no gradient."]
    assert mx.trace(lambda x, y: x * 2, 1.0, mx.Value(2.0, requires_grad=False)).notes == []


def test_zooming_keeps_the_note():
    def f(x):
        y = x * float(x.sum())
        return y.sum()

    trace = mx.trace(f, mx.Tensor([1.0, 2.0]))
    assert trace.notes[0] in at_level(trace, zoom="y[0]").notes


def test_branching_detaching_and_no_grad_are_no_loss():
    def chooses(x, n: int):
        with mx.no_grad():
            assert float(x) > 1
        for _ in range(int(n)):
            x = x * x if x > 1 and x else x
        return x * x.detach().item()

    assert mx.trace(chooses, 2.0, 3).notes == []


def test_what_the_library_decides_by_itself_is_no_loss():
    logits = mx.Tensor([[[0.5, 1.0]], [[0.2, -1.0]]])
    trace = mx.trace(lambda logits: CTCLoss()(mx.log_softmax(logits, axis=2), [[1]], [2], [1]), logits)
    assert trace.notes == []


@pytest.mark.parametrize(
    "function", [lambda x: math.exp(x), lambda x: mx.Value(math.exp(x), requires_grad=False)], ids=["float", "constant"]
)
def test_an_error_names_the_line_where_everything_got_lost(function):
    with pytest.raises(mx.GradientError, match=r"at test_lost.py:.*Write mx.exp for math.exp"):
        mx.trace(function, 1.0)
