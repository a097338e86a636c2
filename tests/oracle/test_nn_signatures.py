"""The arguments of every layer, loss and start: PyTorch's words, order and defaults; what differs, and why."""

import inspect
import typing
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn

torch = pytest.importorskip("torch")

# PyTorch's arguments that no layer here has.
NOWHERE = {
    "device": "there is one", "dtype": "set_default_dtype, or load_state_dict", "inplace": "nothing changes in place",
    "size_average": "use reduction", "reduce": "use reduction",
}  # fmt: skip
LEFT_OUT = {
    ("Embedding", "scale_grad_by_freq"): "a gradient that is none",
    ("Embedding", "sparse"): "no sparse tensors",
    ("Embedding", "_weight"): "PyTorch's own bookkeeping", ("Embedding", "_freeze"): "PyTorch's own bookkeeping",
    ("Hardtanh", "min_value"): "the old name of min_val", ("Hardtanh", "max_value"): "the old name of max_val",
    ("Upsample", "recompute_scale_factor"): "the scale that was given counts",
    ("Buffer", "persistent"): "all are saved",
    ("LinearCrossEntropyLoss", "options"): "how PyTorch runs it",
}  # fmt: skip
OURS_ALONE = {
    **{(name, "channels_last"): "Keras' layout"
       for name in ("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d",
                    "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "PixelShuffle", "Upsample")},
    **{(name, "weight"): "PyTorch's function has it" for name in ("HuberLoss", "L1Loss", "MSELoss")},
    **{(name, "dtype"): "PyTorch's function has it" for name in ("Softmax", "Softmin", "LogSoftmax")},
    **{(name, "dtype"): "lists of numbers have none" for name in ("Parameter", "Buffer")},
    **{(name, "name"): "shown in traces and pictures" for name in ("Parameter", "Buffer")},
    ("Buffer", "requires_grad"): "as every tensor",
}  # fmt: skip
DEFAULTS = {
    **{(name, "dim"): "the last axis; PyTorch warns and takes 0 or 1 by the number of axes"
       for name in ("Softmax", "Softmin", "LogSoftmax")},
    **{(name, "count_include_pad"): "None: True, but False with padding='same', as in Keras"
       for name in ("AvgPool1d", "AvgPool2d")},
    **{(name, "data"): "PyTorch's None makes an empty one" for name in ("Parameter", "Buffer")},
    ("Softplus", "threshold"): "None: exact everywhere",
    ("TransformerEncoderLayer", "activation"): "'relu', the same function by its name",
}  # fmt: skip
OTHER_WORDS = {"axis": "dim", "keepdims": "keepdim", "sizes": "unflattened_size"}  # both are taken
LAYERS = sorted(
    name for name in nn.__all__
    if inspect.isclass(getattr(nn, name)) and hasattr(torch.nn, name) and name not in ("ModuleList", "ModuleDict")
)  # fmt: skip


def theirs(name: str) -> dict[str, inspect.Parameter]:
    """PyTorch's arguments by word; where its class takes (*args, **kwargs), those of its overload."""
    layer = getattr(torch.nn, name)
    written = typing.get_overloads(layer.__init__) if name in ("RNN", "LSTM", "GRU") else [layer]
    found = inspect.signature(written[0]).parameters
    return {n: p for n, p in found.items() if n != "self" and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}


def ours(name: str) -> dict[str, inspect.Parameter]:
    found = inspect.signature(getattr(nn, name)).parameters
    return {OTHER_WORDS.get(n, n): p for n, p in found.items() if p.kind is not p.VAR_POSITIONAL}


def test_every_class_of_pytorchs_name_is_walked() -> None:
    assert len(LAYERS) > 75
    walked = {name for name, _ in (*LEFT_OUT, *OURS_ALONE, *DEFAULTS)}
    assert walked <= set(LAYERS), "a decision about a class that is not there"


@pytest.mark.parametrize("name", LAYERS)
def test_arguments_are_pytorchs(name: str) -> None:
    mine, other = ours(name), theirs(name)
    assert other.keys() - mine.keys() - NOWHERE.keys() == {word for layer, word in LEFT_OUT if layer == name}
    extra = {word for layer, word in OURS_ALONE if layer == name}
    assert mine.keys() - other.keys() | {w for w in extra if w in other} == extra
    shared = [word for word in mine if word in other and word not in extra]
    assert shared == [word for word in other if word in shared], "may be given by position"
    differ = {word for word in shared if mine[word].default != other[word].default}
    assert differ == {word for layer, word in DEFAULTS if layer == name}


@pytest.mark.parametrize("name", [n for n in dir(torch.nn.init) if n.endswith("_") and not n.startswith("_")])
def test_every_start_of_weights_is_there(name: str) -> None:
    mine, other = (inspect.signature(getattr(module, name)).parameters for module in (nn.init, torch.nn.init))
    assert {n: p.default for n, p in mine.items()} == {n: p.default for n, p in other.items()}
    assert list(mine) == list(other)


@pytest.mark.parametrize("name", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping_takes_pytorchs_arguments(name: str) -> None:
    mine, other = (inspect.signature(getattr(module, name)).parameters for module in (nn.utils, torch.nn.utils))
    assert list(mine) == [word for word in other if word != "foreach"]  # how it is computed there
    assert all(mine[word].default == other[word].default for word in mine)


@pytest.mark.parametrize(("name", "shape", "options"), [
    ("eye_", (3, 5), {}), ("eye_", (5, 3), {}), ("ones_", (2, 3), {}), ("zeros_", (2, 3), {}),
    ("constant_", (2, 3), dict(val=0.5)), ("dirac_", (4, 3, 5), {}), ("dirac_", (6, 2, 3, 4), dict(groups=2)),
    ("dirac_", (2, 4, 3, 3, 2), {}),
])  # fmt: skip
def test_starts_without_chance_are_pytorchs(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    w = getattr(nn.init, name)(nn.Parameter(np.full(shape, 7.0)), **options)
    np.testing.assert_array_equal(w.data, getattr(torch.nn.init, name)(torch.full(shape, 7.0), **options).numpy())


@pytest.mark.parametrize("bounds", [(-2.0, 2.0), (-0.3, 4.0), (2.5, 4.0), (-9.0, 9.0), (1.0, 1.1)])
def test_a_cut_normal_distribution_is_pytorchs(bounds: tuple[float, float]) -> None:
    """Every tenth of the numbers, sorted, against a hundred thousand of PyTorch's."""
    mx.manual_seed(0)
    torch.manual_seed(0)
    shape, options = (1000, 100), dict(mean=0.2, std=0.9, a=bounds[0], b=bounds[1])
    mine = nn.init.trunc_normal_(nn.Parameter(np.zeros(shape)), **options).data
    other = torch.nn.init.trunc_normal_(torch.zeros(shape, dtype=torch.float64), **options).numpy()
    assert bounds[0] <= mine.min() and mine.max() <= bounds[1]
    shares = np.linspace(0, 1, 11)[1:-1]
    spread = other.std()
    np.testing.assert_allclose(np.quantile(mine, shares), np.quantile(other, shares), atol=0.02 * spread)


def test_a_sparse_start_has_so_many_zeros_in_each_column() -> None:
    w = nn.init.sparse_(nn.Parameter(np.ones((10, 50))), 0.25, std=2.0).data
    assert {*(w == 0).sum(axis=0)} == {3}
    assert w.std() == pytest.approx(2.0 * np.sqrt(0.7), rel=0.15)
