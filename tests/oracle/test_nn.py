"""Layers against PyTorch's: a torch layer's weights load unchanged, and values and gradients are the same."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn

torch = pytest.importorskip("torch")
tnn = torch.nn

LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Linear", (3, 5), {}, (4, 3)),
    ("Linear", (3, 5), dict(bias=False), (2, 4, 3)),
    ("Conv1d", (4, 6, 3), dict(stride=2, padding=1, dilation=2, groups=2), (2, 4, 9)),
    ("Conv1d", (2, 3, 4), dict(padding="same", bias=False), (2, 2, 9)),
    ("Conv2d", (3, 6, (3, 2)), dict(stride=(2, 1), padding=(1, 0), groups=3), (2, 3, 7, 6)),
    ("Conv2d", (1, 2, 3), dict(padding="same"), (2, 1, 5, 5)),
    *[
        (name, (2, 3, kernel), dict(padding=padding, padding_mode=mode, **more), shape)
        for mode in ("reflect", "replicate", "circular")
        for name, kernel, padding, more, shape in [
            ("Conv1d", 4, "same", dict(dilation=2), (2, 2, 9)),
            ("Conv1d", 3, 2, dict(stride=2), (2, 2, 7)),
            ("Conv2d", (3, 2), (2, 1), {}, (2, 2, 5, 6)),
            ("Conv2d", 2, "same", {}, (2, 2, 5, 6)),
            ("Conv2d", 3, "valid", {}, (2, 2, 5, 6)),
        ]
    ],
    ("ConvTranspose2d", (4, 6, 3), dict(stride=2, padding=1, output_padding=1, groups=2, dilation=2), (2, 4, 3, 4)),
    ("MaxPool1d", (2,), {}, (2, 3, 7)),
    ("MaxPool2d", (3,), dict(stride=2, padding=1, ceil_mode=True), (2, 3, 7, 6)),
    ("AvgPool1d", (3,), dict(stride=2, padding=1), (2, 3, 7)),
    ("AvgPool2d", (2,), dict(stride=1, padding=1, count_include_pad=False), (2, 3, 5, 6)),
    ("AdaptiveAvgPool1d", (3,), {}, (2, 3, 7)),
    ("AdaptiveAvgPool2d", ((2, 3),), {}, (2, 3, 7, 5)),
    ("AdaptiveMaxPool1d", (3,), {}, (2, 3, 7)),
    ("AdaptiveMaxPool2d", (2,), {}, (2, 3, 7, 5)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Flatten", (0, 1), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, 3)), {}, (2, 6)),
    ("Upsample", (), dict(scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
    ("PixelShuffle", (2,), {}, (1, 8, 2, 3)),
    ("Identity", (), {}, (2, 3)),
    ("Softmax2d", (), {}, (2, 3, 2, 2)),
    ("PReLU", (3,), dict(init=0.1), (2, 3, 4)),
    ("BatchNorm1d", (3,), {}, (5, 3)),
    ("BatchNorm1d", (3,), dict(momentum=None, eps=0.1), (5, 3, 4)),
    ("BatchNorm1d", (3,), dict(affine=False, track_running_stats=False), (5, 3)),
    ("BatchNorm2d", (3,), dict(momentum=0.3), (2, 3, 4, 5)),
    ("BatchNorm2d", (3,), dict(bias=False), (2, 3, 4, 5)),
    ("InstanceNorm2d", (3,), dict(affine=True, bias=False), (2, 3, 4, 5)),
    ("GroupNorm", (2, 6), dict(bias=False), (2, 6, 3)),
    ("InstanceNorm2d", (3,), {}, (2, 3, 4, 5)),
    ("InstanceNorm2d", (3,), dict(affine=True, track_running_stats=True), (2, 3, 4, 5)),
    ("LayerNorm", (5,), {}, (2, 3, 5)),
    ("LayerNorm", ([3, 5],), dict(bias=False, eps=0.1), (2, 3, 5)),
    ("LayerNorm", (5,), dict(elementwise_affine=False), (2, 5)),
    ("GroupNorm", (2, 6), {}, (2, 6, 3)),
    ("RMSNorm", (5,), {}, (2, 3, 5)),
    ("RMSNorm", ([3, 5],), dict(eps=0.1, elementwise_affine=False), (2, 3, 5)),
    *[
        (name, (), {}, (3, 4))
        for name in (
            "ReLU", "LeakyReLU", "ReLU6", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Sigmoid", "LogSigmoid",
            "Tanh", "Softsign", "Softplus", "Hardtanh", "Hardsigmoid", "Hardswish", "Hardshrink", "Softshrink",
            "Tanhshrink", "GLU",
        )
    ],
    ("LeakyReLU", (0.3,), {}, (3, 4)),
    ("Threshold", (0.1, 7.0), {}, (3, 4)),
    *[(name, (), dict(dim=1), (3, 4, 2)) for name in ("Softmax", "Softmin", "LogSoftmax", "GLU")],
]  # fmt: skip
SEQUENCES: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in ("RNN", "LSTM", "GRU")],
    *[(name, dict(num_layers=2, bidirectional=True, batch_first=True)) for name in ("RNN", "LSTM", "GRU")],
    ("RNN", dict(nonlinearity="relu", bias=False)),
    ("LSTM", dict(num_layers=3, bias=False)),
    ("LSTM", dict(proj_size=2)),
    ("LSTM", dict(proj_size=3, num_layers=2, bidirectional=True, batch_first=True, bias=False)),
]


def pair(name: str, *args: Any, **options: Any) -> tuple[nn.Module, Any]:
    """A torch layer with random weights in double precision, and ours with its weights loaded."""
    torch.manual_seed(0)
    theirs, ours = getattr(tnn, name)(*args, **options).double(), getattr(nn, name)(*args, **options)
    with torch.no_grad():
        for p in theirs.parameters():
            p.normal_()
    state = theirs.state_dict()
    assert {n: a.shape for n, a in ours.state_dict().items()} == {n: tuple(a.shape) for n, a in state.items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    assert ours.training == theirs.training
    return ours, theirs


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def flat(output: Any) -> list[Any]:
    """All tensors of an output, in order."""
    return [t for part in output for t in flat(part)] if isinstance(output, tuple) else [output]


def same(ours: Any, theirs: Any, what: str = "value", rtol: float = 1e-9) -> None:
    assert ours.shape == tuple(theirs.shape), what
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=rtol, atol=1e-11, err_msg=what)


def compare(ours: nn.Module, theirs: Any, *inputs: Any, rtol: float = 1e-9) -> None:
    """Values, and gradients of inputs and parameters, of one call."""
    leaves = [mx.Tensor(x) if isinstance(x, np.ndarray) else tuple(map(mx.Tensor, x)) for x in inputs]
    others = [torch.tensor(x.data, requires_grad=True) for x in flat(tuple(leaves))]
    given = iter(others)
    arguments = [tuple(next(given) for _ in x) if isinstance(x, tuple) else next(given) for x in inputs]
    ours.zero_grad()
    theirs.zero_grad()
    one, two = flat(ours(*leaves)), flat(theirs(*arguments))
    assert len(one) == len(two)
    loss, oracle = mx.Tensor(0.0), torch.zeros((), dtype=torch.float64)
    for k, (y, t) in enumerate(zip(one, two, strict=True)):
        same(y.data, t)
        weights = numbers(*y.shape, seed=k + 1)
        loss, oracle = loss + (y * weights).sum(), oracle + (t * torch.tensor(weights)).sum()
    loss.backward()
    oracle.backward()
    for leaf, other in zip(flat(tuple(leaves)), others, strict=True):
        same(leaf.grad, other.grad, "gradient of an input", rtol)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        same(p.grad, q.grad, f"gradient of {name}")


def ids(case: Any) -> str | None:
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS, ids=ids)
@pytest.mark.filterwarnings("ignore:Using padding=.same.")
def test_layers(name: str, args: tuple[Any, ...], options: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs = pair(name, *args, **options)
    rtol = 1e-7 if name == "Hardsigmoid" else 1e-9  # PyTorch's slope there is a sixth in single precision
    for step in range(2):  # twice, for running statistics
        compare(ours, theirs, numbers(*shape, seed=step), rtol=rtol)
    for (buffer, one), two in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        same(one.data, two, buffer)
    compare(ours.eval(), theirs.eval(), numbers(*shape, seed=5), rtol=rtol)


@pytest.mark.parametrize(("name", "options"), SEQUENCES, ids=ids)
def test_sequences(name: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(name, 3, 4, **options)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    x = numbers(2, 5, 3)
    batch = 2 if options.get("batch_first") else 5
    h = numbers(layers, batch, options.get("proj_size", 4), seed=1)
    c = numbers(layers, batch, 4, seed=2)
    compare(ours, theirs, x)
    compare(ours, theirs, x, (h, c) if name == "LSTM" else h)
    compare(ours, theirs, x[0])
    compare(ours, theirs, x[0], (h[:, 0], c[:, 0]) if name == "LSTM" else h[:, 0])


@pytest.mark.parametrize("stride", [1, 3])
def test_an_output_size(stride: int) -> None:
    ours, theirs = pair("ConvTranspose2d", 2, 3, 4, stride=stride, padding=1)
    x, least = numbers(2, 2, 3, 5), (2 * stride + 2, 4 * stride + 2)
    for extra in range(stride):
        size = [n + extra for n in least]
        same(ours(x, size).data, theirs(torch.tensor(x), output_size=size))
    with pytest.raises(mx.OpError, match="output_size is from"):
        ours(x, [n + stride for n in least])


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(name: str, bias: bool) -> None:
    ours, theirs = pair(name, 3, 4, bias=bias)
    x, h, c = numbers(5, 3), numbers(5, 4, seed=1), numbers(5, 4, seed=2)
    compare(ours, theirs, x)
    compare(ours, theirs, x, (h, c) if name == "LSTMCell" else h)
    compare(ours, theirs, x[0], (h[0], c[0]) if name == "LSTMCell" else h[0])


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_embedding(padding_idx: int | None) -> None:
    ours, theirs = pair("Embedding", 6, 3, padding_idx=padding_idx)
    x = np.array([[0, 2, 5], [2, 2, 1]])
    y, t = ours(x), theirs(torch.tensor(x))
    same(y.data, t)
    (y * y).sum().backward()
    (t * t).sum().backward()
    same(ours.weight.grad, theirs.weight.grad)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0])
def test_rows_of_an_embedding_that_are_too_long_are_cut(norm_type: float) -> None:
    ours, theirs = pair("Embedding", 6, 3, max_norm=1.0, norm_type=norm_type, padding_idx=5)
    x = np.array([[0, 2, 5], [2, 2, 1]])
    for _ in range(2):
        y, t = ours(x), theirs(torch.tensor(x))
        same(y.data, t, rtol=1e-6)  # PyTorch measures in single precision
        (y * y).sum().backward()
        (t * t).sum().backward()
    same(ours.weight.data, theirs.weight, rtol=1e-6)
    same(ours.weight.grad, theirs.weight.grad, rtol=1e-6)
    with pytest.raises(mx.OpError, match="indices must lie"):
        ours([6])


MASKS: list[dict[str, Any]] = [
    {},
    dict(attn_mask=np.triu(np.ones((4, 4), bool), 1)),
    dict(attn_mask=numbers(4, 4)),
    dict(attn_mask=np.triu(np.ones((4, 4), bool), 1)[None].repeat(6, 0)),
    dict(key_padding_mask=np.array([[False, False, True, True], [False] * 4, [False, True, False, True]])),
    dict(attn_mask=numbers(4, 4), key_padding_mask=numbers(3, 4)),
    dict(
        attn_mask=np.triu(np.ones((4, 4), bool), 2),
        key_padding_mask=np.array([[False] * 3 + [True], [False] * 4, [False, True, False, True]]),
    ),
]


HEADS: list[dict[str, Any]] = [
    {},
    dict(kdim=5, vdim=4),
    dict(vdim=3, bias=False),
    dict(add_bias_kv=True),
    dict(add_zero_attn=True),
    dict(add_bias_kv=True, add_zero_attn=True, kdim=5),
]


@pytest.mark.parametrize("options", HEADS, ids=lambda options: "+".join(options) or "plain")
@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: "+".join(mask) or "no mask")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("average", [False, True])
def test_attention(mask: dict[str, Any], batch_first: bool, average: bool, options: dict[str, Any]) -> None:
    ours, theirs = pair("MultiheadAttention", 6, 2, batch_first=batch_first, **options)
    sizes = (6, options.get("kdim", 6), options.get("vdim", 6))
    x = [numbers(*((3, 4, n) if batch_first else (4, 3, n)), seed=k) for k, n in enumerate(sizes)]
    y, weights = ours(*x, average_attn_weights=average, **mask)
    masks = {name: torch.tensor(m) for name, m in mask.items()}
    t, oracle = theirs(*(torch.tensor(each) for each in x), average_attn_weights=average, **masks)
    same(y.data, t)
    same(weights.data, oracle)
    (y.sum() + (weights**2).sum()).backward()
    (t.sum() + (oracle**2).sum()).backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        same(p.grad, q.grad, name)


def test_attention_of_one_sequence_and_a_causal_one() -> None:
    ours, theirs = pair("MultiheadAttention", 6, 3, bias=False)
    x = numbers(4, 6)
    for one, two in zip(ours(x, x, x), theirs(*[torch.tensor(x)] * 3), strict=True):
        same(one.data, two)
    later = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
    y, nothing = ours(x, x, x, need_weights=False, is_causal=True)
    same(y.data, theirs(*[torch.tensor(x)] * 3, attn_mask=later)[0])
    assert nothing is None


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layers(norm_first: bool, activation: str) -> None:
    options = dict(dim_feedforward=7, dropout=0.0, activation=activation, norm_first=norm_first, batch_first=True)
    ours, theirs = pair("TransformerEncoderLayer", 6, 2, **options)
    compare(ours, theirs, numbers(3, 4, 6))
    mask, padding = np.triu(np.ones((4, 4), bool), 1), np.array([[False] * 4, [False] * 4, [False, False, True, True]])
    x = numbers(3, 4, 6)
    same(ours(x, mask, padding).data, theirs(*(torch.tensor(each) for each in (x, mask, padding))))


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("most", [0.5, 100.0])
def test_clipping(norm_type: float, most: float) -> None:
    ours, theirs = pair("Linear", 3, 2)
    for model in (ours, theirs):
        x = numbers(4, 3)
        (model(x if model is ours else torch.tensor(x)) ** 2).sum().backward()
    one = nn.utils.clip_grad_norm_(ours.parameters(), most, norm_type)
    assert one == pytest.approx(tnn.utils.clip_grad_norm_(theirs.parameters(), most, norm_type).item())
    nn.utils.clip_grad_value_(ours.parameters(), 0.2)
    tnn.utils.clip_grad_value_(theirs.parameters(), 0.2)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(p.grad, q.grad)


def test_tensors_of_torch_load_whatever_their_dtype_and_also_where_they_collect_gradients() -> None:
    theirs = tnn.Linear(3, 2).bfloat16()
    for state in (theirs.state_dict(), dict(theirs.named_parameters())):
        ours = nn.Linear(3, 2)
        ours.load_state_dict(state)
        np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach().float().numpy())
