"""Losses that keep more than a function's options: with a distance of one's own, and over alignments."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradx import functional as F
from microgradx.graph import Node, OpError, Tensor
from microgradx.nn.module import Module

_IMPOSSIBLE = -1e30  # the logarithm of a probability of 0, of which differences can still be taken


class _Loss(Module):
    reduction: str

    def _reduced(self, each: Any) -> Any:
        if self.reduction not in ("mean", "sum", "none"):
            raise OpError(f"{type(self).__name__}: reduction is 'mean', 'sum' or 'none', not {self.reduction!r}.")
        return each if self.reduction == "none" else F.sum(each) if self.reduction == "sum" else F.mean(each)


class TripletMarginWithDistanceLoss(_Loss):
    """max(0, margin + d(anchor, positive) − d(anchor, negative)) with a distance d of one's own.

    Args:
        distance_function: of two inputs; by default `functional.pairwise_distance`.
        swap: take the smaller of the two distances to the negative. (Balntas et al. 2016.)
    """

    def __init__(
        self, *, distance_function: Callable[[Any, Any], Any] | None = None, margin: float = 1.0, swap: bool = False,
        reduction: str = "mean",
    ) -> None:  # fmt: skip
        if margin <= 0:
            raise OpError(f"TripletMarginWithDistanceLoss: margin must be positive, not {margin}.")
        self.distance_function = distance_function or F.pairwise_distance
        self.margin, self.swap, self.reduction = margin, swap, reduction

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        d = self.distance_function
        near, far = d(anchor, positive), d(anchor, negative)
        far = F.minimum(far, d(positive, negative)) if self.swap else far
        return self._reduced(F.relu(near - far + self.margin))


class CTCLoss(_Loss):
    """−log of the probability that outputs spell a target, summed over all alignments. (Graves et al. 2006.)

    Args:
        blank: the class that stands for nothing.
        reduction: "mean" divides each by the length of its target first, as PyTorch does.
        zero_infinity: a target that is too long for its input costs 0 instead of infinity.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        self.blank, self.reduction, self.zero_infinity = blank, reduction, zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        """The loss of a batch.

        Args:
            log_probs: (time, batch, classes), as log_softmax gives them.
            targets: labels (batch, longest), or all one after the other (sum of target_lengths,).
            input_lengths, target_lengths: (batch,), how much of each counts.
        """
        log_probs = log_probs if isinstance(log_probs, Node) else Tensor(log_probs, False)
        labels, inputs, sizes = (np.asarray(getattr(a, "data", a)) for a in (targets, input_lengths, target_lengths))
        if log_probs.ndim != 3 or not len(inputs) == len(sizes) == log_probs.shape[1]:
            raise OpError(
                f"CTCLoss: log_probs are (time, batch, classes), with a length of input and of target for each of the "
                f"batch; got {log_probs.shape}, {len(inputs)} and {len(sizes)} lengths."
            )
        ends = np.cumsum(sizes)
        each = []
        for n, (steps, size) in enumerate(zip(inputs, sizes, strict=True)):
            own = labels[n, :size] if labels.ndim == 2 else labels[ends[n] - size : ends[n]]
            loss = self._one(log_probs[:steps, n], own)
            if loss > -_IMPOSSIBLE / 2:
                loss = loss * 0.0 + (0.0 if self.zero_infinity else math.inf)
            each.append(loss / max(int(size), 1) if self.reduction == "mean" else loss)
        return self._reduced(F.stack(each))

    def _one(self, log_probs: Any, labels: Any) -> Any:
        """−log p(labels) from (time, classes): the forward algorithm, over the labels with blanks in between."""
        spelled = np.full(2 * len(labels) + 1, self.blank)
        spelled[1::2] = labels
        leaps = np.zeros(len(spelled), bool)  # over a blank, unless it parts two labels that are the same
        leaps[2:] = (spelled[2:] != self.blank) & (spelled[2:] != spelled[:-2])
        never = np.full(2, _IMPOSSIBLE, log_probs.dtype)
        paths = F.where(np.arange(len(spelled)) < 2, log_probs[0, spelled], _IMPOSSIBLE)
        for t in range(1, log_probs.shape[0]):
            before = F.concatenate([never, paths])
            ways = [paths, before[1:-1], F.where(leaps, before[:-2], _IMPOSSIBLE)]
            paths = F.logsumexp(F.stack(ways), 0) + log_probs[t, spelled]
        return -F.logsumexp(paths[-2:], 0)
