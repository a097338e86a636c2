"""Losses against PyTorch: every reduction, option and shape; see DECISIONS for where we differ."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import Function, agree, draw, names, ours, refuses

DECISIONS = """mse_loss and the others refuse a target that would only broadcast against the guess; PyTorch warns.
triplet_margin_loss, pairwise_distance: where two points are eps apart the distance has slope 0, as every norm.
soft_margin_loss: finite for every guess; PyTorch's e^(-t x) overflows to inf beyond 709.
binary_cross_entropy: exact second derivatives; PyTorch's carry an epsilon of 1e-8.
kl_div, reduction="mean": the mean over all numbers as in PyTorch, without its warning."""
REDUCTIONS = names("none mean sum")
REAL, UNIT, POSITIVE = (-3.0, 3.0), (0.05, 0.95), (0.2, 3.0)
WEIGHT = draw((4,), 0.3, 2.0)


def signs(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Targets of 1 and -1."""
    return np.where(np.arange(np.prod(shape)).reshape(shape) % 3 == 0, -1.0, 1.0)


# Guess and target of one shape. name: (call, interval of the guess, interval of the target)
POINTWISE: dict[str, tuple[Function, tuple[float, float], tuple[float, float]]] = {
    "mse_loss": (lambda F, x, t, r: F.mse_loss(x, t, reduction=r), REAL, REAL),
    "l1_loss": (lambda F, x, t, r: F.l1_loss(x, t, reduction=r), REAL, REAL),
    "smooth_l1_loss": (lambda F, x, t, r: F.smooth_l1_loss(x, t, reduction=r), REAL, REAL),
    "smooth_l1_loss beta": (lambda F, x, t, r: F.smooth_l1_loss(x, t, reduction=r, beta=2.5), REAL, REAL),
    "smooth_l1_loss beta 0": (lambda F, x, t, r: F.smooth_l1_loss(x, t, reduction=r, beta=0.0), REAL, REAL),
    "huber_loss": (lambda F, x, t, r: F.huber_loss(x, t, reduction=r), REAL, REAL),
    "huber_loss delta": (lambda F, x, t, r: F.huber_loss(x, t, reduction=r, delta=0.4), REAL, REAL),
    "bce": (lambda F, x, t, r: F.binary_cross_entropy(x, t, reduction=r), UNIT, UNIT),
    "bce with logits": (lambda F, x, t, r: F.binary_cross_entropy_with_logits(x, t, reduction=r), REAL, UNIT),
    "kl_div": (lambda F, x, t, r: F.kl_div(x, t, reduction=r), REAL, UNIT),
    "kl_div log_target": (lambda F, x, t, r: F.kl_div(x, t, reduction=r, log_target=True), REAL, REAL),
    "poisson": (lambda F, x, t, r: F.poisson_nll_loss(x, t, reduction=r), REAL, POSITIVE),
    "poisson rate": (lambda F, x, t, r: F.poisson_nll_loss(x, t, log_input=False, reduction=r), POSITIVE, POSITIVE),
    "soft_margin_loss": (lambda F, x, t, r: F.soft_margin_loss(x, t.detach(), reduction=r), REAL, REAL),
    "multilabel_soft_margin_loss": (
        lambda F, x, t, r: F.multilabel_soft_margin_loss(x, t, reduction=r), REAL, UNIT,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise(name: str, shape: tuple[int, ...], reduction: str) -> None:
    function, of_x, of_t = POINTWISE[name]
    rtol = 1e-8 if "bce" in name else 1e-10  # PyTorch adds an epsilon to the second derivative
    arrays = [draw(shape, *of_x), draw(shape, *of_t, seed=1) + 0.01]
    agree(lambda F, x, t: function(F, x, t, reduction), arrays, rtol=rtol)


# One call per option. Inputs: x, t of (3, 4), and what the case makes itself.
OPTIONS: dict[str, tuple[Function, tuple[float, float]]] = {
    "bce weight": (lambda F, x, t: F.binary_cross_entropy(x, t, F.tensor(WEIGHT)), UNIT),
    "logits weight": (lambda F, x, t: F.binary_cross_entropy_with_logits(x, t, F.tensor(WEIGHT)), REAL),
    "logits pos_weight": (
        lambda F, x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=F.tensor(WEIGHT)), REAL,
    ),
    "logits both": (
        lambda F, x, t: F.binary_cross_entropy_with_logits(
            x, t, weight=F.tensor(WEIGHT), pos_weight=F.tensor(WEIGHT[::-1].copy()), reduction="none"
        ), REAL,
    ),
    "kl_div batchmean": (lambda F, x, t: F.kl_div(x, t, reduction="batchmean"), REAL),
    "poisson full": (lambda F, x, t: F.poisson_nll_loss(x, 4 * t, full=True), REAL),
    "multilabel weight": (lambda F, x, t: F.multilabel_soft_margin_loss(x, t, F.tensor(WEIGHT)), REAL),
    "mse weight": (lambda F, x, t: F.mse_loss(x, t, reduction="sum", weight=F.tensor(np.ones((3, 4)) * WEIGHT)), REAL),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str) -> None:
    function, of_x = OPTIONS[name]
    rtol, atol = (1e-8, 1e-11) if "bce" in name else (1e-10, 1e-12)
    agree(function, [draw((3, 4), *of_x), draw((3, 4), *UNIT, seed=1)], rtol=rtol, atol=atol)


# Integer labels. Scores: a batch, a batch of sequences, a batch of pictures, a single sample.
SCORES = {
    "batch": ((5, 4), (5,)), "sequences": ((2, 4, 3), (2, 3)), "pictures": ((2, 4, 2, 3), (2, 2, 3)), "one": ((4,), ()),
}  # fmt: skip
LABELLED: dict[str, Function] = {
    "cross_entropy": lambda F, x, t, r: F.cross_entropy(x, t, reduction=r),
    "weight": lambda F, x, t, r: F.cross_entropy(x, t, F.tensor(WEIGHT), reduction=r),
    "ignore_index": lambda F, x, t, r: F.cross_entropy(x, t, ignore_index=1, reduction=r),
    "smoothing": lambda F, x, t, r: F.cross_entropy(x, t, label_smoothing=0.2, reduction=r),
    "all": lambda F, x, t, r: F.cross_entropy(x, t, F.tensor(WEIGHT), ignore_index=1, label_smoothing=0.3, reduction=r),
    "ignored weights": lambda F, x, t, r: F.cross_entropy(x, t, F.tensor(WEIGHT), ignore_index=2, reduction=r),
    "nll_loss": lambda F, x, t, r: F.nll_loss(x, t, reduction=r),
    "nll weight": lambda F, x, t, r: F.nll_loss(x, t, F.tensor(WEIGHT), reduction=r),
    "nll all": lambda F, x, t, r: F.nll_loss(x, t, F.tensor(WEIGHT), ignore_index=1, reduction=r),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("name", LABELLED)
def test_labels(name: str, kind: str, reduction: str) -> None:
    of_x, of_t = SCORES[kind]
    labels = np.random.default_rng(3).integers(0, 4, of_t)
    if kind == "one" and reduction == "mean":
        labels = np.array(3)  # an ignored single sample is 0 / 0
    agree(lambda F, x, t: LABELLED[name](F, x, t, reduction), [draw(of_x), np.asarray(labels)])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("options", [{}, {"weight": WEIGHT}, {"label_smoothing": 0.1}], ids=str)
def test_probabilities(options: dict[str, Any], kind: str, reduction: str) -> None:
    shape = SCORES[kind][0]

    def run(F: Any, x: Any, t: Any) -> Any:
        made = {k: F.tensor(v) if k == "weight" else v for k, v in options.items()}
        return F.cross_entropy(x, F.softmax(t, 1 if t.ndim > 1 else 0), reduction=reduction, **made)

    agree(run, [draw(shape), draw(shape, seed=2)])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_all_labels_ignored(reduction: str) -> None:
    with np.errstate(all="ignore"):
        for F_name in ("cross_entropy", "nll_loss"):
            agree(
                lambda F, x, t, n=F_name: getattr(F, n)(x, t, reduction=reduction),
                [draw((2, 3)), np.array([-100, -100])],
                order=0 if reduction == "mean" else 1,
            )


MARGINS: dict[str, Function] = {
    "hinge_embedding": lambda F, x, z, r: F.hinge_embedding_loss(x, F.tensor(signs((3, 4))), reduction=r),
    "hinge_embedding margin": lambda F, x, z, r: F.hinge_embedding_loss(x, F.tensor(signs((3, 4))), 1.7, reduction=r),
    "margin_ranking": lambda F, x, z, r: F.margin_ranking_loss(x, z, F.tensor(signs((3, 4))), reduction=r),
    "margin_ranking margin": lambda F, x, z, r: F.margin_ranking_loss(
        x, z, F.tensor(signs((3, 4))), margin=0.6, reduction=r
    ),
    "cosine_embedding": lambda F, x, z, r: F.cosine_embedding_loss(x, z, F.tensor(signs((3,))), reduction=r),
    "cosine_embedding margin": lambda F, x, z, r: F.cosine_embedding_loss(
        x, z, F.tensor(-signs((3,))), margin=-0.5, reduction=r
    ),
    "triplet": lambda F, x, z, r: F.triplet_margin_loss(x, z, x * z, reduction=r),
    "triplet options": lambda F, x, z, r: F.triplet_margin_loss(
        x, z, x * z, margin=2.0, p=3.0, eps=1e-4, swap=True, reduction=r
    ),
    "triplet p=1": lambda F, x, z, r: F.triplet_margin_loss(x, z, x * z, p=1, reduction=r),
    "pairwise_distance": lambda F, x, z, r: F.pairwise_distance(x, z),
    "pairwise_distance p": lambda F, x, z, r: F.pairwise_distance(x, z, 1.5, 0.1, True),
    "multi_margin": lambda F, x, z, r: F.multi_margin_loss(x, F.tensor(np.array([0, 3, 1])), reduction=r),
    "multi_margin options": lambda F, x, z, r: F.multi_margin_loss(
        x, F.tensor(np.array([0, 3, 1])), p=2, margin=0.7, weight=F.tensor(WEIGHT), reduction=r
    ),
    "multilabel_margin": lambda F, x, z, r: F.multilabel_margin_loss(
        x, F.tensor(np.array([[3, 0, -1, 1], [-1, 2, 1, 0], [0, 1, 2, 3]])), reduction=r
    ),
    "gaussian": lambda F, x, z, r: F.gaussian_nll_loss(x, z, z * z + 0.3, reduction=r),
    "gaussian full": lambda F, x, z, r: F.gaussian_nll_loss(x, z, z * z + 0.3, full=True, reduction=r),
    "gaussian per row": lambda F, x, z, r: F.gaussian_nll_loss(x, z, F.exp(z[:, 0]), reduction=r),
    "gaussian per row, kept": lambda F, x, z, r: F.gaussian_nll_loss(x, z, F.exp(z[:, :1]), reduction=r),
    "gaussian raised": lambda F, x, z, r: F.gaussian_nll_loss(x, z, F.relu(z), eps=0.4, reduction=r),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", MARGINS)
def test_margins_and_distances(name: str, reduction: str) -> None:
    agree(lambda F, x, z: MARGINS[name](F, x, z, reduction), [draw((3, 4)), draw((3, 4), seed=5) + 0.01])


def test_single_samples() -> None:
    agree(lambda F, x, z: F.cosine_embedding_loss(x, z, F.tensor(np.array(-1))), [draw((4,)), draw((4,), seed=1)])
    agree(lambda F, x: F.multi_margin_loss(x, F.tensor(np.array(2))), [draw((4,))])
    agree(lambda F, x: F.multilabel_margin_loss(x, F.tensor(np.array([2, 0, -1, 1]))), [draw((4,))])


@pytest.mark.parametrize("scale", [30.0, 1000.0, 1e6])
def test_large_logits_are_stable(scale: float) -> None:
    """No overflow, and gradients of the right size, however sure the guess is."""
    logits, t = np.array([1.0, -1.0, 1.0, -1.0]) * scale, np.array([1.0, 1.0, 0.0, 0.0])
    rows, labels = np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 0.0]]) * scale, np.array([0, 0])
    with np.errstate(over="raise", invalid="raise"):
        agree(lambda F, x, t: F.binary_cross_entropy_with_logits(x, t), [logits, t])
        agree(lambda F, x, t: F.binary_cross_entropy_with_logits(x, t, pos_weight=(t + 1).detach()), [logits, t])
        agree(lambda F, x, t: F.cross_entropy(x, t), [rows, labels])
        agree(lambda F, x, t: F.cross_entropy(x, t, label_smoothing=0.1), [rows, labels])
        loss = mx.functional.soft_margin_loss(mx.Tensor(logits), mx.Tensor(2 * t - 1))
        assert loss.item() == pytest.approx(scale / 2)
        agree(lambda F, x, t: F.multilabel_soft_margin_loss(x, t), [logits, t])
        agree(lambda F, x, t: F.huber_loss(x, t), [logits, t])


def test_certain_probabilities_cost_at_most_100() -> None:
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0])
    agree(lambda F, x: F.binary_cross_entropy(x, F.tensor(t), reduction="none"), [p], order=1, rtol=1e-8)


def test_a_minus_infinity_elsewhere_does_no_harm() -> None:
    x = np.array([[0.5, -np.inf, 1.0], [-np.inf, 0.1, 0.2]])
    agree(lambda F, x, t: F.cross_entropy(x, t), [x, np.array([0, 2])], order=1)
    agree(lambda F, x, t: F.nll_loss(x, t), [x, np.array([0, 2])], order=1)


@pytest.mark.parametrize("name", POINTWISE)
def test_float32_stays_float32(name: str) -> None:
    function, of_x, of_t = POINTWISE[name]
    arrays = [draw((3, 4), *of_x, dtype="float32"), draw((3, 4), *of_t, seed=1, dtype="float32")]
    for row in ours(lambda F, x, t: function(F, x, t, "mean"), arrays):
        assert all(x is None or x.dtype == np.float32 for x in row)


@pytest.mark.parametrize("name", LABELLED)
def test_float32_labels(name: str) -> None:
    if "weight" not in name and "all" not in name:
        arrays = [draw((5, 4), dtype="float32"), np.array([0, 1, 2, 3, 1])]
        for row in ours(lambda F, x, t: LABELLED[name](F, x, t, "mean"), arrays):
            assert all(x is None or x.dtype == np.float32 for x in row)


def test_scalars_and_plain_numbers() -> None:
    v = mx.Value(0.3)
    loss = mx.functional.binary_cross_entropy(v, 1.0)
    loss.backward()
    assert isinstance(loss, mx.Value)
    assert v.grad == pytest.approx(-1 / 0.3)
    assert mx.functional.mse_loss(mx.Tensor([1.0, 3.0]), 0.0).item() == 5.0
    assert mx.functional.cross_entropy(mx.Tensor([[0.0, 0.0]]), [1]).item() == pytest.approx(np.log(2))


def test_penalties() -> None:
    w = [mx.Tensor([1.0, -2.0]), mx.Tensor([[3.0]])]
    assert mx.functional.l1_penalty(w, 0.5).item() == 3.0
    loss = mx.functional.l2_penalty(w, 0.5)
    loss.backward()
    assert loss.item() == 7.0
    np.testing.assert_array_equal(w[0].grad, [1.0, -2.0])
    assert mx.functional.l1_penalty(mx.Tensor([-2.0])).item() == 2.0


XT = (draw((3, 4)), draw((3, 4), seed=1))
LABELS = np.array([0, 3, 1])
REFUSED: dict[str, Function] = {
    **{f"{n}: unknown reduction": (lambda F, x, t, n=n: getattr(F, n)(x, t, reduction="avg")) for n in names(
        "mse_loss l1_loss huber_loss smooth_l1_loss kl_div binary_cross_entropy_with_logits soft_margin_loss"
    )},
    "cross_entropy: unknown reduction": lambda F, x, t: F.cross_entropy(x, F.tensor(LABELS), reduction="avg"),
    "bce: not probabilities": lambda F, x, t: F.binary_cross_entropy(x, t),
    "bce: another shape": lambda F, x, t: F.binary_cross_entropy(F.sigmoid(x), t[0]),
    "logits: another shape": lambda F, x, t: F.binary_cross_entropy_with_logits(x, t[:, :2]),
    "huber: delta 0": lambda F, x, t: F.huber_loss(x, t, delta=0.0),
    "smooth_l1: negative beta": lambda F, x, t: F.smooth_l1_loss(x, t, beta=-1.0),
    "mse: shapes that do not fit": lambda F, x, t: F.mse_loss(x, t[:, :2]),
    "cross_entropy: a label too large": lambda F, x, t: F.cross_entropy(x, F.tensor(np.array([0, 4, 1]))),
    "cross_entropy: a negative label": lambda F, x, t: F.cross_entropy(x, F.tensor(np.array([0, -1, 1]))),
    "cross_entropy: labels of another batch": lambda F, x, t: F.cross_entropy(x, F.tensor(np.array([0, 1]))),
    "cross_entropy: labels with an axis too many": lambda F, x, t: F.cross_entropy(x, F.tensor(LABELS[:, None])),
    "cross_entropy: probabilities of another shape": lambda F, x, t: F.cross_entropy(x, t[:, :2]),
    "cross_entropy: labels that are no integers": lambda F, x, t: F.cross_entropy(x, F.tensor(LABELS * 1.0)),
    "cross_entropy: smoothing above 1": lambda F, x, t: F.cross_entropy(x, F.tensor(LABELS), label_smoothing=1.5),
    "cross_entropy: weights of other classes": lambda F, x, t: F.cross_entropy(x, F.tensor(LABELS), t[0, :2]),
    "cross_entropy: integer scores": lambda F, x, t: F.cross_entropy(F.argsort(x), F.tensor(LABELS)),
    "nll: a label too large": lambda F, x, t: F.nll_loss(x, F.tensor(np.array([0, 4, 1]))),
    "nll: probabilities": lambda F, x, t: F.nll_loss(x, t),
    "gaussian: negative variance": lambda F, x, t: F.gaussian_nll_loss(x, t, -t * t),
    "gaussian: variance of another shape": lambda F, x, t: F.gaussian_nll_loss(x, t, F.exp(t[:2])),
    "triplet: margin 0": lambda F, x, t: F.triplet_margin_loss(x, t, x + t, margin=0.0),
    "multi_margin: p 3": lambda F, x, t: F.multi_margin_loss(x, F.tensor(LABELS), p=3),
    "multi_margin: a label too large": lambda F, x, t: F.multi_margin_loss(x, F.tensor(np.array([0, 4, 1]))),
    "multilabel_margin: another shape": lambda F, x, t: F.multilabel_margin_loss(x, F.tensor(LABELS)),
    "cosine_embedding: another batch": lambda F, x, t: F.cosine_embedding_loss(x, t, F.tensor(np.array([1, -1]))),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_pytorch(name: str) -> None:
    refuses(REFUSED[name], *XT)


def test_a_target_that_would_only_broadcast_is_refused() -> None:
    for name in names("mse_loss l1_loss huber_loss smooth_l1_loss"):
        with pytest.raises(mx.OpError, match="same shape"):
            getattr(mx.functional, name)(mx.Tensor(draw((3, 1))), mx.Tensor(draw((3,))))
