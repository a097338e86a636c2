"""Losses as layers, against PyTorch's."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn
from tests.oracle.test_nn import ids, numbers, same

torch = pytest.importorskip("torch")
tnn = torch.nn

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


def test_every_activation_and_loss_class_of_pytorch_is_here() -> None:
    names = {*tnn.modules.activation.__all__, *tnn.modules.loss.__all__, *tnn.modules.adaptive.__all__}
    assert names - {*dir(nn)} == {"NLLLoss2d"}, "an old name of NLLLoss"


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (5,)), (dict(bias=True, weight=True, label_smoothing=0.1, reduction="sum"), (5,)),
     (dict(out_features=(2, 3), bias=True, ignore_index=1, reduction="none"), (5, 2, 3))],
)  # fmt: skip
def test_cross_entropy_with_a_linear_layer_of_its_own(options: dict[str, Any], shape: tuple[int, ...]) -> None:
    weight = numbers(4) ** 2 if options.get("weight") else None
    ours = nn.LinearCrossEntropyLoss(3, 4, **options | ({"weight": weight} if weight is not None else {}))
    theirs = tnn.LinearCrossEntropyLoss(
        3, 4, **options | ({"weight": torch.tensor(weight)} if weight is not None else {}), dtype=torch.float64
    )
    ours.load_state_dict({name: value for name, value in theirs.state_dict().items() if name != "weight"})
    x, labels = numbers(5, 3), np.arange(np.prod(shape)).reshape(shape) % 4
    same(ours(mx.Tensor(x), labels).data, theirs(torch.tensor(x), torch.tensor(labels)))


@pytest.mark.parametrize(("cutoffs", "head_bias"), [([2], False), ([2, 5, 9], True)])
def test_softmax_over_many_classes(cutoffs: list[int], head_bias: bool) -> None:
    ours = nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs, div_value=2.0, head_bias=head_bias)
    theirs = tnn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs, div_value=2.0, head_bias=head_bias).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x, labels = numbers(12, 8), np.arange(12)
    t = torch.tensor(x, requires_grad=True)
    node = mx.Tensor(x)
    found, wanted = ours(node, labels), theirs(t, torch.tensor(labels))
    same(found.output.data, wanted.output)
    same(ours(node[0], 3).output.data, theirs(t[0], torch.tensor(3)).output)
    found.loss.backward()
    wanted.loss.backward()
    same(node.grad, t.grad)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(mine.grad, other.grad)
    same(ours.log_prob(node).data, theirs.log_prob(t))
    assert (np.asarray(ours.predict(node).data) == theirs.predict(t).numpy()).all()


@pytest.mark.parametrize("cutoffs", [[], [0], [5, 3], [12]])
def test_cutoffs_that_do_not_rise_are_refused(cutoffs: list[int]) -> None:
    with pytest.raises(mx.MicrogradxError, match="cutoffs are whole numbers that rise, from 1 to n_classes − 1 = 11"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs)


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
