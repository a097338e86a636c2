"""A notebook, run by a real kernel: nodes show their picture, traces their table, all with plain text beside."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("first.ipynb")


@pytest.fixture(scope="module")
def shown():
    """What each cell of the notebook shows, by its source."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return {cell.source: cell.outputs[0].data if cell.outputs else {} for cell in notebook.cells}


def test_a_computed_node_shows_its_picture_with_its_gradient(shown):
    svg = shown["y"]["image/svg+xml"]
    assert "<svg" in svg and "grad" in svg and "sigmoid" in svg
    assert shown["y"]["text/plain"].startswith("Value(0.73105")


def test_a_leaf_is_plain_text(shown):
    assert set(shown["w"]) == {"text/plain"}


def test_a_trace_shows_its_table(shown):
    data = next(data for source, data in shown.items() if source.startswith("mx.trace"))
    assert "| name | formula | value | where |" in data["text/markdown"]
    assert "∂f/∂w" in data["text/plain"]


def test_pictures_and_tensors_show_themselves(shown):
    for source in ("mx.draw(y)", "mx.Tensor([[1.0, 2.0]]).exp().sum()"):
        assert "<svg" in shown[source]["image/svg+xml"]
        assert shown[source]["text/plain"]
