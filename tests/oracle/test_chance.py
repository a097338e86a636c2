"""What is drawn by chance is spread as PyTorch's: initial weights, and the slopes of RReLU."""

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn

torch = pytest.importorskip("torch")
tnn = torch.nn


def test_gains_and_spreads_of_initial_weights() -> None:
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == tnn.init.calculate_gain(name)
    shape, options = (64, 32, 3, 3), [("xavier_uniform_", dict(gain=2.0)), ("xavier_normal_", {})]
    options += [
        (f"kaiming_{kind}_", dict(mode=mode)) for kind in ("uniform", "normal") for mode in ("fan_in", "fan_out")
    ]
    for name, settings in options:
        ours, theirs = mx.Tensor(np.zeros(shape)), torch.zeros(shape)
        getattr(nn.init, name)(ours, generator=mx.Generator(0), **settings)
        getattr(tnn.init, name)(theirs, **settings)
        assert ours.data.std() == pytest.approx(theirs.std().item(), rel=0.03)
        if "uniform" in name:
            assert np.abs(ours.data).max() == pytest.approx(theirs.abs().max().item(), rel=0.01)


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose2d", "LSTM", "Embedding", "MultiheadAttention"])
def test_layers_start_as_pytorchs_do(name: str) -> None:
    args = (48, 400, 3) if "Conv" in name else (48, 4) if name == "MultiheadAttention" else (48, 400)
    ours, theirs = getattr(nn, name)(*args), getattr(tnn, name)(*args)
    for (path, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert p.data.std() == pytest.approx(q.std().item(), rel=0.15), path
        if name != "Embedding":
            assert np.abs(p.data).max() == pytest.approx(q.abs().max().item(), rel=0.1), path


def test_rrelu_draws_a_slope_for_each_element_and_uses_the_mean() -> None:
    mx.manual_seed(0)
    layer, x = nn.RReLU(0.1, 0.3), mx.Tensor(-np.ones(2000))
    y = layer(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, -y.data)
    assert 0.1 <= x.grad.min() < 0.11 and 0.29 < x.grad.max() <= 0.3 and len(set(x.grad)) > 1900
    points = np.linspace(-2, 2, 9)
    wanted = tnn.RReLU(0.1, 0.3).eval()(torch.tensor(points)).numpy()
    np.testing.assert_allclose(layer.eval()(points).data, wanted, rtol=1e-9)
    with pytest.raises(mx.OpError, match="lower is at most upper"):
        nn.RReLU(0.5, 0.1)
