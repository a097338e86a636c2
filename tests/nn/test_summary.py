"""The table of a model."""

from typing import Any

import numpy as np

from microgradx import nn


def course_cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 10, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1960, 100), nn.ReLU(),
        nn.Linear(100, 10),
    )  # fmt: skip


def test_the_courses_cnn() -> None:
    summary = course_cnn().summary(np.zeros((1, 1, 28, 28)))
    assert [row.parameters for row in summary.rows if row.parameters] == [100, 196_100, 1_010]
    assert summary.total == 197_210
    assert [row.shape for row in summary.rows][:4] == ["(1,10,28,28)", "(1,10,28,28)", "(1,10,14,14)", "(1,1960)"]
    text = str(summary)
    for part in ("Conv2d", "196,100", "1,010", "197,210 parameters", "(1,10,14,14)"):
        assert part in text


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    model[1].eval()
    model.summary(np.ones((3, 2)))
    assert [m.training for m in model.modules()] == [True, True, False]
    assert model[0].num_batches_tracked.data == 0


def test_shared_and_frozen_parameters_are_counted_once_and_named() -> None:
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(3, 1).requires_grad_(False))
    summary = model.summary(np.ones((1, 3)))
    assert [row.parameters for row in summary.rows] == [12, 0, 0, 4]
    assert "16 parameters, 4 of them frozen" in str(summary)


def test_layers_inside_layers_and_several_outputs() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            self.embedding = nn.Embedding(10, 4)
            self.encoder = nn.TransformerEncoderLayer(4, 2, 8)
            self.memory = nn.LSTM(4, 3)

        def forward(self, x: Any) -> Any:
            return self.memory(self.encoder(self.embedding(x)))[0]

    model = Reader()
    summary = model.summary(np.array([[1, 2, 3]]))
    names = {row.name: row for row in summary.rows}
    assert names["encoder.self_attn"].parameters == 3 * 4 * 4 + 12
    assert names["memory"].shape == "(1,3,3), (1,3,3), (1,3,3)"
    assert sum(row.parameters for row in summary.rows) == summary.total == sum(p.size for p in model.parameters())
