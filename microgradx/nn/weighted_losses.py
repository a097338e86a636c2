"""Losses with weights of their own: scores and cross-entropy in one, for a few classes or for very many."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from microgradx import functional as F
from microgradx.functional.arguments import integers
from microgradx.graph import OpError
from microgradx.nn.layers import Linear, Sequential
from microgradx.nn.module import Module


class LinearCrossEntropyLoss(Module):
    """The cross-entropy of scores that a linear layer of its own gives.

    Args:
        in_features: numbers per sample, the last axis of what it is called with.
        num_classes: how many classes there are.
        out_features: further axes of the target, each place with scores of its own.
        bias: whether the linear layer has one.
        reduction, weight, ignore_index, label_smoothing: as in `functional.cross_entropy`.
    """

    def __init__(
        self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (), bias: bool = False,
        reduction: str = "mean", weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.reduction, self.weight, self.label_smoothing = reduction, weight, label_smoothing
        self.ignore_index = ignore_index
        self.linear = Linear(in_features, math.prod(self.out_features, start=num_classes), bias=bias)

    def forward(self, input: Any, target: Any) -> Any:
        """The loss of samples (…, in_features) with labels (…, *out_features), or probabilities for each class."""
        scores = self.linear(input)
        scores = F.reshape(scores, (*scores.shape[:-1], self.num_classes, *self.out_features))
        ignored = -100 if self.ignore_index is None else self.ignore_index
        return F.cross_entropy(scores, target, self.weight, ignored, self.reduction, self.label_smoothing)


class Adaptive(NamedTuple):
    """log p(target) of every sample, and the mean of −log p."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """Softmax over very many classes, the frequent ones first: rare ones stand in clusters with fewer weights.

    log p(class) = log p(its cluster) + log p(class in its cluster). (Grave et al. 2017.)

    Args:
        in_features: numbers per sample.
        n_classes: how many classes there are, numbered from the most frequent on.
        cutoffs: where the clusters begin, rising; what is below the first one has scores of its own.
        div_value: each further cluster looks at so many times fewer features.
        head_bias: whether the scores of the frequent classes and of the clusters have a bias.
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False
    ) -> None:
        ends = [*cutoffs, n_classes]
        if len(ends) < 2 or any(not 0 < a < b for a, b in pairwise(ends)):
            raise OpError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs are whole numbers that rise, from 1 to n_classes − 1 = "
                f"{n_classes - 1}, not {list(cutoffs)}."
            )
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, ends
        self.shortlist_size = ends[0]
        self.head = Linear(in_features, ends[0] + len(cutoffs), bias=head_bias)
        self.tail: list[Module] = []  # found in a list too
        for i, (start, end) in enumerate(pairwise(ends), start=1):
            between = int(in_features // div_value**i)
            self.tail.append(
                Sequential(Linear(in_features, between, bias=False), Linear(between, end - start, bias=False))
            )

    def log_prob(self, input: Any) -> Any:
        """log p of every class: (batch, in_features) → (batch, n_classes)."""
        head = F.log_softmax(self.head(input), axis=1)
        shortlist = self.shortlist_size
        clusters = [
            head[:, shortlist + i : shortlist + i + 1] + F.log_softmax(cluster(input), axis=1)
            for i, cluster in enumerate(self.tail)
        ]
        return F.concatenate([head[:, :shortlist], *clusters], axis=1)

    def predict(self, input: Any) -> Any:
        """The likeliest class of each sample, (batch,)."""
        return F.argmax(self.log_prob(input), axis=1)

    def forward(self, input: Any, target: Any) -> Adaptive:
        """log p of the targets (batch,) of samples (batch, in_features), or of one target of one sample; and the loss.

        Raises:
            OpError: a target that is no class, or targets that are not one for each sample.
        """
        labels = integers("AdaptiveLogSoftmaxWithLoss", target)
        if labels.ndim > 1 or input.shape[:-1] != labels.shape:
            raise OpError(
                f"AdaptiveLogSoftmaxWithLoss takes samples (batch, in_features) with labels (batch,), or one with one; "
                f"got {input.shape} and {labels.shape}."
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.n_classes:
            raise OpError(
                f"AdaptiveLogSoftmaxWithLoss: labels go from 0 to {self.n_classes - 1}; there are {labels.min()} to "
                f"{labels.max()}."
            )
        rows = np.atleast_1d(labels)
        found = self.log_prob(F.reshape(input, (len(rows), self.in_features)))[np.arange(len(rows)), rows]
        output = found if labels.ndim else found[0]
        return Adaptive(output, -F.mean(found))
