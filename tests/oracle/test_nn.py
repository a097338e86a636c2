"""Layers against PyTorch's: a torch layer's weights load unchanged, and values and gradients are the same."""

import inspect
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
    h, c = numbers(layers, batch, 4, seed=1), numbers(layers, batch, 4, seed=2)
    compare(ours, theirs, x)
    compare(ours, theirs, x, (h, c) if name == "LSTM" else h)
    compare(ours, theirs, x[0])
    compare(ours, theirs, x[0], (h[:, 0], c[:, 0]) if name == "LSTM" else h[:, 0])


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


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: "+".join(mask) or "no mask")
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("average", [False, True])
def test_attention(mask: dict[str, Any], batch_first: bool, average: bool) -> None:
    ours, theirs = pair("MultiheadAttention", 6, 2, batch_first=batch_first)
    x = [numbers(*((3, 4, 6) if batch_first else (4, 3, 6)), seed=k) for k in range(3)]
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


LOSSES: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = [
    ("MSELoss", {}, (numbers(3, 2), numbers(3, 2, seed=1))),
    ("L1Loss", dict(reduction="sum"), (numbers(3, 2), numbers(3, 2, seed=1))),
    ("SmoothL1Loss", dict(beta=0.5), (numbers(3, 2), numbers(3, 2, seed=1))),
    ("HuberLoss", dict(delta=0.5), (numbers(3, 2), numbers(3, 2, seed=1))),
    ("BCELoss", {}, (numbers(3, 2) ** 2 % 1, np.array([[0.0, 1.0]] * 3))),
    ("BCEWithLogitsLoss", dict(reduction="none"), (numbers(3, 2), np.array([[0.0, 1.0]] * 3))),
    ("CrossEntropyLoss", dict(label_smoothing=0.1), (numbers(3, 4), np.array([0, 3, 1]))),
    ("CrossEntropyLoss", dict(ignore_index=1), (numbers(3, 4), np.array([0, 3, 1]))),
    ("NLLLoss", {}, (numbers(3, 4), np.array([0, 3, 1]))),
    ("KLDivLoss", dict(reduction="batchmean"), (numbers(3, 4), numbers(3, 4, seed=1) ** 2)),
    ("GaussianNLLLoss", dict(full=True), (numbers(3, 4), numbers(3, 4, seed=1), numbers(3, 4, seed=2) ** 2)),
    ("PoissonNLLLoss", {}, (numbers(3, 4), numbers(3, 4, seed=1) ** 2)),
    ("HingeEmbeddingLoss", dict(margin=0.5), (numbers(4), np.array([1.0, -1.0, 1.0, -1.0]))),
    ("MarginRankingLoss", dict(margin=0.5), (numbers(2), numbers(2, seed=1), np.array([1.0, -1.0]))),
    ("TripletMarginLoss", dict(swap=True), (numbers(3, 4), numbers(3, 4, seed=1), numbers(3, 4, seed=2))),
    *[
        ("TripletMarginWithDistanceLoss", options, (numbers(3, 4), numbers(3, 4, seed=1), numbers(3, 4, seed=2)))
        for options in (dict(margin=0.5), dict(swap=True, reduction="none"))
    ],
    ("CosineEmbeddingLoss", dict(margin=0.1), (numbers(2, 3), numbers(2, 3, seed=1), np.array([1.0, -1.0]))),
    ("SoftMarginLoss", {}, (numbers(4), np.array([1.0, -1.0, 1.0, -1.0]))),
    ("MultiMarginLoss", dict(p=2), (numbers(3, 4), np.array([0, 3, 1]))),
    ("MultiLabelMarginLoss", {}, (numbers(1, 4), np.array([[0, 3, -1, 1]]))),
    ("MultiLabelSoftMarginLoss", {}, (numbers(2, 3), np.array([[0.0, 1.0, 1.0]] * 2))),
    ("CosineSimilarity", dict(dim=0), (numbers(3, 4), numbers(3, 4, seed=1))),
    ("PairwiseDistance", dict(keepdim=True), (numbers(3, 4), numbers(3, 4, seed=1))),
]


@pytest.mark.parametrize(("name", "options", "inputs"), LOSSES, ids=ids)
def test_losses(name: str, options: dict[str, Any], inputs: tuple[Any, ...]) -> None:
    ours, theirs = getattr(nn, name)(**options), getattr(tnn, name)(**options)
    same(ours(*inputs).data, theirs(*(torch.tensor(x) for x in inputs)))


def test_a_distance_of_ones_own() -> None:
    x = [numbers(3, 4, seed=k) for k in range(3)]
    ours = nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: ((a - b) ** 2).sum(axis=1))(
        *map(mx.Tensor, x)
    )
    theirs = tnn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: ((a - b) ** 2).sum(1))
    same(ours.data, theirs(*map(torch.tensor, x)))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("blank", [0, 3])
def test_ctc(reduction: str, zero_infinity: bool, blank: int) -> None:
    """Repeated labels, an empty target, one that is exactly long enough, and one that is too long."""
    targets = [[1, 1, 2], [], [2, 1, 2, 1], [1, 1, 1, 1, 1]] if not blank else [[1, 1, 0], [], [2, 1, 0, 1], [1] * 5]
    steps = np.array([6, 4, 4, 5])
    sizes = np.array([len(each) for each in targets])
    padded = np.array([each + [1] * (5 - len(each)) for each in targets])
    scores = numbers(6, 4, 5)
    options = dict(blank=blank, reduction=reduction, zero_infinity=zero_infinity)
    for labels in (padded, np.concatenate([np.array(each, int) for each in targets])):
        x, other = mx.Tensor(scores), torch.tensor(scores, requires_grad=True)
        loss = nn.CTCLoss(**options)(nn.LogSoftmax(2)(x), labels, steps, sizes)
        oracle = tnn.CTCLoss(**options)(other.log_softmax(2), *map(torch.tensor, (labels, steps, sizes)))
        same(loss.data, oracle)
        if zero_infinity:
            loss.sum().backward()
            oracle.sum().backward()
            same(x.grad, other.grad, "gradient")
    with pytest.raises(mx.OpError, match="a length of input"):
        nn.CTCLoss()(scores, padded, steps[:2], sizes)


ABSENT = {"device", "dtype", "inplace", "size_average", "reduce", "padding_mode", "return_indices", "proj_size"}
OURS = {"channels_last", "weight"}  # options that PyTorch does not have; weight where its class lacks it
NAMES = sorted({n for n, *_ in LAYERS} | {n for n, *_ in SEQUENCES} | {n for n, *_ in LOSSES} | {
    "RNNCell", "LSTMCell", "GRUCell", "Embedding", "Dropout", "MultiheadAttention", "RReLU",
    "CTCLoss",
    "TransformerEncoderLayer",
})  # fmt: skip


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("RNN", "LSTM", "GRU", "Identity", "Unflatten")])
def test_arguments_come_in_pytorchs_order_with_its_defaults(name: str) -> None:
    words = {"axis": "dim", "keepdims": "keepdim"}
    ours = {words.get(n, n): p for n, p in inspect.signature(getattr(nn, name)).parameters.items() if n not in ABSENT}
    theirs = inspect.signature(getattr(tnn, name)).parameters
    shared = [n for n in ours if n in theirs]
    assert ours.keys() - theirs.keys() <= OURS
    assert shared == [n for n in theirs if n in shared]
    different = {n for n in shared if ours[n].default != theirs[n].default}
    assert different <= {"threshold", "dim", "count_include_pad", "activation"}  # decisions of the functions


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
