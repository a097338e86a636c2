"""Plots show the numbers they were given; all of them, for every program and activation, are written by a command."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import functional, plots
from microgradx.graph import MicrogradxError
from microgradx.programs import PROGRAMS
from microgradx_cli.explain import MADE_OF_OPS
from tests.cli.run import refusal, run


def lines(figure: Any, panel: int = 0) -> dict[str, Any]:
    """The (x, y) of every line of one panel, by its label."""
    return {line.get_label(): line.get_data() for line in figure.axes[panel].get_lines()}


def test_losses_stand_over_their_epochs() -> None:
    x, y = lines(plots.curves({"loss": [3.0, 2.0, 1.0]}))["loss"]
    assert (list(x), list(y)) == ([1, 2, 3], [3, 2, 1])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "gelu", "elu"])
def test_an_activation_stands_beside_its_derivative(name: str) -> None:
    drawn = lines(plots.activation(getattr(functional, name), name, -3, 3))
    x, y = drawn[f"{name}(x)"]
    slopes = drawn["its derivative"][1]
    smooth = np.abs(x) > 0.1  # at 0 some have a kink
    np.testing.assert_allclose(np.gradient(y, x)[smooth], slopes[smooth], atol=1e-2)


def test_what_diverges_is_drawn_to_where_it_leaves_the_plot() -> None:
    square = plots.descent(lambda w: w * w, {"wild": [1.0, -2.0, 4.0, -8.0]}, -3, 3)
    assert list(list(lines(square).values())[1][0]) == [1, -2, 4]
    bowl = plots.contours(lambda w, b: w * w + b * b, {"wild": [(1, 1), (9, 9), (99, 99)]}, (-3, 3), (-3, 3))
    assert [list(each) for each in list(lines(bowl).values())[-1]] == [[1, 9], [1, 9]]


def test_two_costs_stand_side_by_side() -> None:
    drawn = plots.costs({"first": lambda w: w, "second": lambda w: -w}, 0, 1)
    assert [axes.get_title() for axes in drawn.axes] == ["first", "second"]
    assert [next(iter(lines(drawn, k).values()))[1][-1] for k in (0, 1)] == [1, -1]


def test_gradients_stand_over_layers_and_over_time_steps() -> None:
    figure = plots.gradient_norms({"layer": {"a": {"first": 1.0, "last": 0.1}}, "time step": {"b": [1e-3, 1e-2, 1e-1]}})
    assert [axes.get_xlabel() for axes in figure.axes] == ["layer", "time step"]
    assert [axes.get_yscale() for axes in figure.axes] == ["log", "log"]
    assert list(lines(figure, 0)["a"][1]) == [1.0, 0.1]
    assert [list(each) for each in lines(figure, 1)["b"]] == [[1, 2, 3], [1e-3, 1e-2, 1e-1]]


def test_the_boundary_is_where_a_probability_is_one_half() -> None:
    X = np.array([[0.0, 0.0], [1.0, 1.0]])
    figure = plots.boundary(lambda x: np.clip(x[:, :1], 0, 1), X, [0, 1])
    border = figure.axes[0].collections[1].get_paths()[0].vertices
    np.testing.assert_allclose(border[:, 0], 0.5, atol=1e-6)


def test_a_plot_that_cannot_be_written_is_refused_before_the_training(tmp_path: Path) -> None:
    for words in (["train", "gates", "-o"], ["watch-gradients", "cnn", "-o"], ["explain", "relu", "-o"]):
        assert ".png or .svg" in refusal(*words, str(tmp_path / "a.gif"))
    assert "boundary, costs, loss" in refusal(
        "train", "logistic-regression", "--quiet", "-o", str(tmp_path / "a.png"), "--figure", "costz"
    )
    assert "-o FILE.png says where" in refusal("train", "gates", "--figure", "loss")
    assert "ops of one number" in refusal("explain", "matmul", "-o", str(tmp_path / "a.png"))
    with pytest.raises(MicrogradxError, match=r"\.png or \.svg"):
        plots.save(plots.curves({}), tmp_path / "a.pdf")


FIGURES = {
    "gates": ["and", "or", "xor", "loss"], "linear-regression": ["cost", "contours", "loss"],
    "polynomial-regression": ["fit", "loss"], "logistic-regression": ["boundary", "costs", "loss"],
    "xor": ["boundary", "loss"], "cnn": ["filters", "loss"], "lenet": ["filters", "loss"],
    "lstm-remember": ["gradients", "loss"], "digits-mlp": ["loss"],
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_every_plot_of_a_program_is_written(name: str, tmp_path: Path) -> None:
    offered = [*PROGRAMS[name].run(epochs=1).figures, "loss"]
    assert offered == FIGURES[name]
    for figure in offered:
        file = tmp_path / f"{figure}.svg"
        result = run("train", name, "--quiet", "--epochs", "1", "-o", str(file), "--figure", figure)
        assert result.exit_code == 0, result.output
        assert ElementTree.parse(file).getroot().tag.endswith("svg")


@pytest.mark.parametrize("name", ["xor-deep", "lstm-remember"])
def test_watched_gradients_are_drawn(name: str, tmp_path: Path) -> None:
    result = run("watch-gradients", name, "--epochs", "1", "-o", str(tmp_path / "a.png"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", ["sigmoid", "log", *MADE_OF_OPS])
def test_an_activation_is_drawn(name: str, tmp_path: Path) -> None:
    result = run("explain", name, "-o", str(tmp_path / "a.svg"))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a.svg").exists()


def test_equal_figures_give_equal_files(tmp_path: Path) -> None:
    for suffix in (".png", ".svg"):
        one, two = (plots.save(plots.curves({"loss": [2.0, 1.0]}), tmp_path / f"{k}{suffix}") for k in (1, 2))
        assert one.read_bytes() == two.read_bytes()
