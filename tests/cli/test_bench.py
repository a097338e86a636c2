"""`microgradx bench`: what it refuses, before it measures anything (tests/benchmarks runs it)."""

import os

import pytest

from tests.cli.run import refusal


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets the number of threads for its own process."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_unknown_names_are_told_with_what_there_is() -> None:
    assert "no workload is called W17; there are W1, W1B, W2," in refusal("bench", "W17")
    assert "'tensorflow' is none of torch,jax," in refusal("bench", "W2", "--peers", "torch,tensorflow")


def test_a_plot_that_cannot_be_written_is_refused_first() -> None:
    assert ".png or .svg" in refusal("bench", "W2", "--plot", "ratios.pdf")


def test_scaling_has_no_results_page() -> None:
    assert "scaling has --plot and --json" in refusal("bench", "scaling", "--markdown", "page.md")


def test_without_a_clone_it_says_where_the_benchmarks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgradx_cli.bench.find_spec", lambda _: None)
    assert "they are in the folder benchmarks of the project's source" in refusal("bench", "W2")
