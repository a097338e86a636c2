"""Layers without an oracle: modes, mistakes, how they look, where they are in the graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn


def ones(*shape: int) -> Any:
    return np.ones(shape)


def test_sequential_runs_names_and_slices() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    y = model(ones(4, 2))
    assert y.shape == (4, 1)
    assert y.scope == "2"
    assert (model[:2](ones(4, 2)).data >= 0).all()
    assert (len(model), len(model[1:]), type(model[-1])) == (3, 2, nn.Linear)


def test_sequential_with_names() -> None:
    model = nn.Sequential({"hidden": nn.Linear(2, 3), "bend": nn.Tanh(), "out": nn.Linear(3, 1)})
    assert [n for n, _ in model.named_modules()] == ["", "hidden", "bend", "out"]
    with pytest.raises(mx.OpError, match=r"nn\.ReLU\(\)"):
        nn.Sequential(nn.ReLU)  # type: ignore[arg-type]  # the mistake under test


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.Linear(3, 2, dtype=np.float32), r"Linear: .*'dtype'; its arguments are: .*bias\. .*default dtype"),
        (lambda: nn.Conv2d(1, 2, 3, device="cpu"), r"Conv2d: .*'device'; .*padding_mode\. .*leave device out"),
        (lambda: nn.Linear(3), "Linear: missing a required argument: 'out_features'"),
        (lambda: nn.LSTM(2, 3, hiden=4), "LSTM: got an unexpected keyword argument 'hiden'; .*num_layers"),
        (lambda: nn.ReLU(dtype=np.float32), "ReLU: got an unexpected keyword argument 'dtype'"),
    ],
)
def test_an_argument_that_a_layer_has_not_is_one_clear_error(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(mx.OpError, match=says):
        make()


def test_parts_of_a_sequential_keep_the_names_of_the_whole() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert model(ones(1, 2)).scope == "2"
    assert model[2].weight.name == "2.weight"


def test_weights_take_the_default_dtype_and_the_seed() -> None:
    try:
        mx.set_default_dtype("float32")
        layers = [nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LSTM(2, 3), nn.Embedding(3, 2), nn.PReLU()]
        assert {p.dtype for layer in layers for p in layer.parameters()} == {np.dtype("float32")}
        assert nn.Linear(2, 3)(np.ones((1, 2), "float32")).dtype == np.float32
    finally:
        mx.set_default_dtype("float64")
    mx.manual_seed(3)
    first = nn.Linear(2, 3).weight.data
    mx.manual_seed(3)
    assert (nn.Linear(2, 3).weight.data == first).all()


def test_dropout_drops_only_while_training() -> None:
    layer = nn.Dropout(0.5)
    mx.manual_seed(0)
    y = layer(ones(1000)).data
    assert set(y) == {0.0, 2.0}
    assert 400 < (y == 0).sum() < 600
    assert (layer.eval()(ones(10)).data == 1).all()
    with pytest.raises(mx.OpError, match="between 0 and 1"):
        nn.Dropout(1.5)


def test_dropout_between_recurrent_layers_only_while_training() -> None:
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    lstm = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    assert (lstm(x)[0].data != lstm(x)[0].data).any()
    lstm.eval()
    assert (lstm(x)[0].data == lstm(x)[0].data).all()


def test_running_statistics_are_used_after_eval() -> None:
    layer = nn.BatchNorm1d(2)
    x = np.random.default_rng(0).normal(5.0, 2.0, (50, 2))
    for _ in range(100):
        layer(x)
    assert layer.num_batches_tracked.data == 100
    np.testing.assert_allclose(layer.eval()(x).data.mean(axis=0), 0, atol=1e-3)
    layer(ones(1, 2))  # a single sample is fine now
    assert layer.num_batches_tracked.data == 100


def test_the_padding_row_starts_at_zero_and_stays() -> None:
    layer = nn.Embedding(4, 3, padding_idx=1)
    assert (layer.weight.data[1] == 0).all()
    layer([1, 2, 1]).sum().backward()
    assert layer.weight.grad.sum(axis=1).tolist() == [0, 0, 3, 0]


def test_the_names_of_gates_and_time_steps_are_in_the_scope() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.memory = nn.LSTM(2, 3)

        def forward(self, x: Any) -> Any:
            return self.memory(x)[1][0]

    h = Model()(ones(2, 1, 2))
    scopes = {node.scope for node in mx.graph.topological(h)}  # type: ignore[attr-defined]  # graph is a submodule
    assert {"memory.layer0.t0.lstm", "memory.layer0.t1.lstm"} <= scopes


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.Linear(3, 2)(ones(4, 4)), "same number of inputs"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "2 axes"),
        (lambda: nn.BatchNorm2d(3)(ones(2, 3)), "4 axes"),
        (lambda: nn.BatchNorm1d(3)(ones(2, 4)), "3 channels"),
        (lambda: nn.BatchNorm1d(3)(ones(1, 3)), "variance"),
        (lambda: nn.GroupNorm(2, 3), "groups"),
        (lambda: nn.Embedding(3, 2)([3]), "0 … 2"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "padding_idx"),
        (lambda: nn.LSTM(3, 0), "1 or more"),
        (lambda: nn.LSTM(3, 2)(ones(4, 1, 2)), "time, batch, 3"),
        (lambda: nn.MultiheadAttention(5, 2), "2 heads"),
        (lambda: nn.MultiheadAttention(4, 2)(ones(3, 4), ones(3, 4), ones(3, 5)), "must all be"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="sin"), "'relu', 'gelu'"),
        (lambda: nn.Softmax(axes=1), "its options are: axis"),
        (lambda: nn.MSELoss()(ones(2)), r"called with \(x, t\)"),
        (lambda: nn.init.xavier_uniform_(nn.Parameter(ones(3))), "two axes"),
        (lambda: nn.init.kaiming_normal_(nn.Parameter(ones(3, 2)), mode="in"), "'fan_in' or 'fan_out'"),
        (lambda: nn.init.calculate_gain("sin"), "no gain"),
        (lambda: nn.init.zeros_(mx.Tensor([1.0]) * 2), "no op made"),
        (lambda: nn.init.orthogonal_(nn.Parameter(ones(3))), "two axes"),
        (lambda: nn.Linear(-1, 2), "no weight has the shape"),
        (
            lambda: nn.Conv2d(1, 2, 3, padding_mode="mirror"),
            "padding_mode is 'zeros', 'reflect', 'replicate', 'circular'",
        ),
        (lambda: nn.ConvTranspose2d(1, 2, 3, padding_mode="reflect"), "padding_mode is 'zeros', not"),
        (lambda: nn.Conv1d(1, 2, 3, padding="full", padding_mode="reflect")(ones(1, 1, 8)), "'valid' or 'same'"),
        (lambda: nn.Conv1d(1, 2, 3, 2, "same", padding_mode="reflect")(ones(1, 1, 8)), "needs stride 1"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "below hidden_size"),
        (
            lambda: nn.LSTM(3, 4, proj_size=2)(ones(5, 1, 3), (ones(1, 1, 4),) * 2),
            r"must be \(1, 1, 2\) and \(1, 1, 4\)",
        ),
        (lambda: nn.GRU(3, 4)(ones(5, 2, 3), ones(1, 1, 4)), r"must be \(1, 2, 4\), .* not \(1, 1, 4\)"),
        (lambda: nn.Embedding(3, 2, max_norm=0.0), "max_norm is a length above 0"),
        (lambda: nn.init.dirac_(nn.Parameter(ones(3, 3))), "a convolution"),
        (lambda: nn.init.eye_(nn.Parameter(ones(3))), "two axes"),
        (lambda: nn.init.sparse_(nn.Parameter(ones(3)), 0.5), "two axes"),
        (lambda: nn.init.trunc_normal_(nn.Parameter(ones(3)), a=2.0, b=1.0), "a must be below b"),
    ],
)
def test_mistakes_are_explained(make: Any, says: str) -> None:
    with pytest.raises(mx.OpError, match=says):
        make()


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_weights(shape: tuple[int, ...]) -> None:
    w = nn.init.orthogonal_(nn.Parameter(np.zeros(shape)), gain=2.0).data.reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_other_fillings() -> None:
    p = nn.Parameter(np.zeros((50, 40)))
    assert nn.init.normal_(p, 3.0, 0.5) is p
    assert (p.data.mean(), p.data.std()) == (pytest.approx(3, abs=0.1), pytest.approx(0.5, abs=0.05))
    nn.init.uniform_(p, -2, 1)
    assert (p.data.min(), p.data.max()) == (pytest.approx(-2, abs=0.1), pytest.approx(1, abs=0.1))
    assert (nn.init.ones_(p).data == 1).all()
    same = nn.init.normal_(p, generator=mx.Generator(5)).data
    assert (nn.init.normal_(p, generator=mx.Generator(5)).data == same).all()


def test_clipping_values_and_norms() -> None:
    w, v = mx.Tensor([3.0, 4.0]), mx.Value(0.0)
    (w * w).sum().backward()
    (v * 24).backward()
    assert nn.utils.clip_grad_norm_([w, v, mx.Tensor([1.0])], 13.0) == pytest.approx(26.0)
    np.testing.assert_allclose(w.grad, [3.0, 4.0], rtol=1e-6)
    assert v.grad == pytest.approx(12.0)
    nn.utils.clip_grad_value_([w, v], 3.5)
    assert type(v.grad) is float
    assert (w.grad.max(), v.grad) == (3.5, 3.5)
    w.grad[0] = np.inf
    with pytest.raises(mx.OpError, match="inf"):
        nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)


def test_function_layers_are_classes_with_documentation() -> None:
    assert isinstance(nn.ReLU(), nn.ReLU)
    assert nn.ReLU is not nn.Tanh
    assert "relu" in (nn.ReLU.__doc__ or "")
    assert repr(nn.Sequential(nn.MaxPool2d(2, padding=1), nn.ELU())) == (
        "Sequential(\n  (0): MaxPool2d(kernel_size=2, padding=1)\n  (1): ELU()\n)"
    )


def test_the_folders_are_there_when_first_asked_for() -> None:
    assert mx.nn is nn
    assert mx.optim.SGD is not None
    with pytest.raises(AttributeError, match="no attribute 'nnn'"):
        mx.nnn  # noqa: B018  (asking for it is the test)
