"""The picture says what the graph holds: names, numbers, ops, scopes, gradients."""

import math
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import OpError, Tensor, Value
from microgradx.graph import topological
from microgradx.pictures import PictureError, dot_source, draw
from microgradx.pictures.colour import Scale
from tests.pictures import graphs
from tests.pictures.svg_reader import fill, groups, number, stroke, texts, tooltip


def picture(node: Any, **options: Any) -> Any:
    return draw(node, engine="wasi", **options)


def by_name(svg: str) -> dict[str, list[str]]:
    return {texts(group)[0]: texts(group)[1:] for group in groups(svg, "value").values()}


def test_every_value_shows_its_name_its_number_and_its_gradient() -> None:
    loss = graphs.xor_scalar()
    drawn = picture(loss)
    boxes = groups(drawn.svg, "value")
    order = topological(loss)
    assert len(boxes) == len(order) == 28
    for node in order:
        name, data, *grad = texts(boxes[drawn.ids[node]])
        assert node.name is None or name == node.name
        assert number(data) == pytest.approx(node.data, rel=1e-3)
        assert grad == [] if not node.requires_grad else number(grad[0]) == pytest.approx(node.grad, rel=1e-3)
        assert repr(node.data) in tooltip(boxes[drawn.ids[node]])  # in full, under the mouse


def test_a_small_array_is_written_out_and_a_large_one_summed_up() -> None:
    loss = graphs.xor_tensor()
    shown = by_name(picture(loss).svg)
    assert shown["W1 (2,2)"][:3] == ["\u20070.5 −0.3", "−0.4 \u20070.8", "grad"]  # as the trace writes them
    assert shown["T (4,1)"] == ["0", "1", "1", "0"]
    big = Tensor(np.arange(100.0).reshape(10, 10), name="big")
    big.sum().backward()
    assert by_name(picture(big).svg)["big (10,10)"] == [
        "min 0", "mean 49.5", "max 99", "grad", "min 1", "mean 1", "max 1",
    ]  # fmt: skip


def test_small_arrays_keep_three_digits_of_every_element() -> None:
    rng = np.random.default_rng(3)
    for size in (1e-12, 1e-3, 0.1, 1.0, 42.0, 1e4, 1e9):
        x = Tensor(rng.normal(size=(3, 4)) * size, requires_grad=False, name="x")
        _, *rows = texts(next(iter(groups(picture(x).svg, "value").values())))
        read = [[number(each) for each in row.replace("\u2007", " ").split()] for row in rows]
        np.testing.assert_allclose(read, x.data, atol=6e-3 * np.abs(x.data).max())


def test_empty_boolean_and_integer_arrays_are_drawn() -> None:
    nodes = [Tensor(np.zeros((0, 3))), Tensor([True, False]), Tensor(np.array([3, 4]))]
    assert [texts(group) for group in groups(picture(nodes).svg, "value").values()][::-1] == [
        ["array (0,3)", "empty"],
        ["array (2)", "1 0"],
        ["array (2)", "3 4"],
    ]


def test_ops_are_round_and_say_what_they_do() -> None:
    x = Tensor(np.ones((2, 3)), name="x")
    loss = ((x @ x.T) ** 2 + x[:, 0] - 1).sum(axis=0).sigmoid().mean()
    drawn = picture(loss)
    signs = [" ".join(texts(group)) for group in groups(drawn.svg, "op").values()]
    assert sorted(signs) == sorted(["@", "transpose", "^2", "+", "−", "index [:,0]", "sum axis=0", "sigmoid", "mean"])
    assert all(
        "ellipse" in {part.tag.split("}")[1] for part in group.iter()} for group in groups(drawn.svg, "op").values()
    )
    assert not any("ellipse" in part.tag for group in groups(drawn.svg, "value").values() for part in group.iter())


def test_a_convolution_tells_stride_and_padding() -> None:
    x, w = Tensor(np.ones((1, 1, 6, 6))), Tensor(np.ones((1, 1, 2, 2)))
    drawn = picture(mx.conv2d(x, w, stride=2, padding=1))
    assert [texts(group) for group in groups(drawn.svg, "op").values()] == [
        ["conv", "stride=(2,2)", "padding=((1,1),(1,1))"]
    ]


def test_nameless_results_are_called_by_their_formula_or_numbered() -> None:
    a, b = Value(1.0, name="a"), Value(2.0, name="b")
    drawn = by_name(picture((a * b + 0.5) * (a + b + a + b + a + b)).svg)
    assert {"a", "b", "a · b", "0.5", "a + b"} <= set(drawn)
    assert "v1" in drawn


def test_the_caller_may_name_nodes() -> None:
    a = Value(1.0, name="a")
    y = a * 2
    assert {"a", "twice"} <= set(by_name(picture(y, names={y: "twice"}).svg))


def test_scopes_are_nested_clusters() -> None:
    drawn = picture(graphs.lstm(2))
    assert sorted(texts(group)[0] for group in groups(drawn.svg, "cluster").values()) == [
        "lstm", "lstm", "step0", "step1",
    ]  # fmt: skip
    inner = next(line for line in drawn.dot.split("\n") if "step0.lstm" in line)
    assert inner.startswith("\t\t\t")


def test_a_parameter_made_outside_stands_in_the_scope_that_uses_it() -> None:
    w, x, t = Value(2.0, name="w"), Value(3.0, name="x"), Value(1.0, requires_grad=False, name="t")
    with mx.scope("net.one"):
        a = w * x
    with mx.scope("net.two"):
        b = a * x * t
    drawn = picture(b)
    lines = drawn.dot.split("\n")
    where = {name: next(line for line in lines if f'label="{name}|' in line) for name in "wxt"}
    assert [where[name].count("\t") for name in "wxt"] == [3, 2, 1]  # net.one, net, nowhere


def test_colour_carries_sign_and_size() -> None:
    x = [Value(1.0, name=f"x{i}") for i in range(5)]
    loss = 10 * x[0] + x[1] * 0.1 - 10 * x[2] - 0.1 * x[3] + 0 * x[4]
    loss.backward()
    drawn = picture(loss)
    boxes = groups(drawn.svg, "value")
    colours = [fill(boxes[drawn.ids[node]]) for node in x]
    scale = Scale(10.0)
    assert colours == [scale.fill(g) for g in (10, 0.1, -10, -0.1, 0)]
    assert colours[4] == "#ffffff"
    red = [int(colour[1:3], 16) for colour in colours]
    blue = [int(colour[5:7], 16) for colour in colours]
    assert red[0] > blue[0]
    assert blue[2] > red[2]
    assert blue[1] > blue[0]  # paler
    edge = groups(drawn.svg, "edge")[drawn.ids[loss].replace("n", "e")]
    assert stroke(edge) == scale.line(1.0)


def test_each_edge_shows_its_own_share_of_a_gradient_that_adds_up() -> None:
    a = Value(3.0, name="a")
    y = (a * -2.0) + (a * 5.0)
    y.backward()
    drawn = picture(y)
    told = [tooltip(edge) for edge in groups(drawn.svg, "edge").values()]
    assert "gradient back to a: -2.0" in told
    assert "gradient back to a: 5.0" in told
    square = Value(3.0, name="s")
    (square * square).backward()
    edges = groups(picture(square * square).svg, "edge")
    assert sum(1 for edge in edges if edge.endswith(("-0", "-1"))) == 2


def test_colours_keep_black_text_readable() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    scale = Scale(1.0)
    for gradient in (*scale.stops(), math.nan, math.inf):
        assert (luminance(scale.fill(gradient)) + 0.05) / 0.05 > 4.5  # WCAG 2, contrast of normal text


def test_the_legend_says_which_element_colours_an_array() -> None:
    x = mx.Tensor([-3.0, 1.0], name="x")
    loss = (x * x).sum()
    loss.backward()
    assert "an array has the colour of its element of largest magnitude" in picture(loss).svg.replace("&#160;", " ")


def test_the_legend_shows_the_scale() -> None:
    loss = graphs.xor_scalar()
    legend = next(iter(groups(picture(loss).svg, "legend").values()))
    top = max(abs(node.grad) for node in topological(loss) if node.grad is not None)
    assert [number(text) for text in texts(legend)] == pytest.approx(
        [-top, -top / 10, -top / 100, 0, top / 100, top / 10, top], rel=0.05
    )


def test_before_backward_the_picture_says_so() -> None:
    drawn = picture(graphs.xor_scalar(run_backward=False))
    assert "backward not run" in drawn.svg
    assert drawn.notes == ["backward not run: no gradients yet"]
    assert "grad " not in str(by_name(drawn.svg))
    assert not groups(drawn.svg, "legend")


def test_without_gradients_on_request() -> None:
    drawn = picture(graphs.xor_scalar(), grads=False)
    assert all(len(lines) == 1 for lines in by_name(drawn.svg).values())
    assert drawn.notes == []
    assert not groups(drawn.svg, "legend")


def test_constants_are_quiet_and_have_no_gradient() -> None:
    t = Value(1.0, requires_grad=False, name="t")
    y = Value(2.0, name="w") * t
    y.backward()
    drawn = picture(y)
    box = groups(drawn.svg, "value")[drawn.ids[t]]
    assert texts(box) == ["t", "1"]
    assert any(text.get("fill") == "#767676" for text in box.iter("{http://www.w3.org/2000/svg}text"))
    assert "nothing here collects a gradient" in picture(t).svg


def test_second_derivatives_and_broken_numbers_are_drawn() -> None:
    x = Value(0.0, name="x")
    y = (x * math.nan).exp()
    y.backward()
    assert "pink: nan" in picture(y).svg
    assert by_name(picture(y).svg)["x"] == ["0", "grad nan"]
    z = Value(3.0, name="z")
    (z**3).backward(create_graph=True)
    assert by_name(picture(z).svg)["z"] == ["3", "grad 27"]


@pytest.mark.parametrize(
    "name",
    [
        "w<1>|{x}", "가중치", 'say "hi"', "back\\slash", "end\\", "\\n", "\\N", "<b>", "<", ">", "a&amp;b", "&#931;",
        "&", "ŷ₁ ∂Σ√→ᵀ", "two  words", "{", "a\\|b", "%s", "x;y", "--", "graph", "node",
    ],
)  # fmt: skip
def test_names_are_shown_as_they_are(name: str) -> None:
    with mx.scope(name.replace(".", "")):
        y = Value(1.0, name=name) * 2
    drawn = picture(y)
    shown = {line.replace("\xa0", " ") for group in groups(drawn.svg, "value").values() for line in texts(group)}
    assert " ".join(name.split()) in {" ".join(line.split()) for line in shown}
    assert [" ".join(texts(group)[0].split()) for group in groups(drawn.svg, "cluster").values()] == [
        " ".join(name.split())
    ]
    assert any(
        " ".join(tooltip(group).split()).startswith(" ".join(name.split()))
        for group in groups(drawn.svg, "value").values()
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines", "two↵lines"),
        ("bell\x07", "bell�"),
        ("half \ud800", "half �"),
        ("a" * 99, "a" * 16 + "…" + "a" * 15),
    ],
)
def test_names_that_cannot_be_shown_as_they_are_stay_readable(name: str, shown: str) -> None:
    assert shown in by_name(picture(Value(1.0, name=name)).svg)


def test_the_same_graph_gives_the_same_text_and_another_graph_other_ids() -> None:
    one, two = (graphs.xor_scalar() for _ in range(2))
    assert dot_source(one) == dot_source(two)
    assert picture(one).svg == picture(two).svg
    ids = [set(picture(node).ids.values()) for node in (one, graphs.xor_tensor())]
    assert not ids[0] & ids[1]


def test_every_id_of_a_picture_is_unique_and_carries_its_prefix() -> None:
    drawn = picture(graphs.lstm(2))
    prefix = drawn.ids[next(iter(drawn.ids))].partition("n")[0]
    import re

    found = re.findall(r'\bid="([^"]*)"', drawn.svg)
    assert len(found) == len(set(found)) > 100
    assert all(each.removeprefix("a_").startswith(prefix) for each in found)


def test_edges_have_the_ids_that_stepping_uses() -> None:
    loss = graphs.xor_scalar()
    drawn = picture(loss)
    edges, ops = groups(drawn.svg, "edge"), groups(drawn.svg, "op")
    for node in topological(loss):
        if node.op is not None:
            own = drawn.ids[node]
            prefix, _, number = own.rpartition("n")
            assert f"{prefix}o{number}" in ops
            assert f"{prefix}e{number}" in edges
            assert all(
                f"{prefix}e{number}-{position}".replace("-", "-") in edges for position in range(len(node.inputs))
            )


def test_several_results_in_one_picture() -> None:
    state = mx.lstm_cell(*(Tensor(np.ones((1, 2))), (Tensor(np.ones((1, 2))),) * 2), *(np.ones((8, 2)),) * 2)
    assert set(state) <= set(picture(state).ids)


@pytest.mark.parametrize("wrong", [1.0, None, [], "x", [Value(1.0), 2.0]])
def test_what_is_no_node_is_refused(wrong: Any) -> None:
    with pytest.raises(OpError, match="draw needs a Value or Tensor"):
        draw(wrong)


def test_a_released_graph_is_refused() -> None:
    y = Value(1.0) * 2
    y.backward(keep="leaves")
    with pytest.raises(PictureError, match='keep="all"'):
        draw(y)


def test_a_picture_with_fewer_digits_than_the_numbers_have_says_so() -> None:
    assert "rounded to four digits" in dot_source(mx.Value(1 / 3) * 2.0)
    assert "rounded" not in dot_source(mx.Value(0.25) * 2.0)
