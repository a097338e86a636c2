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
