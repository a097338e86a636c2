"""Losses against PyTorch: every reduction, option and shape; see DECISIONS for where we differ."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import agree, agreeing, ints, positive, refusing, table, within

DECISIONS = """mse_loss and the others refuse a target that would only broadcast against the guess; PyTorch warns.
triplet_margin_loss, pairwise_distance: where two points are eps apart the distance has slope 0, as every norm.
guesses of whole numbers are refused by all; PyTorch takes them where its kernel happens to.
binary_cross_entropy_with_logits and its kin at infinite scores: nan at +inf, PyTorch's is nan at -inf.
multi_margin_loss, multilabel_margin_loss: a nan among the scores makes the loss nan; PyTorch's comparison hides it.
soft_margin_loss: finite for every guess; PyTorch's e^(-t x) overflows to inf beyond 709.
binary_cross_entropy: the slope for the target stops with the logarithms, at 100; PyTorch's is infinite.
binary_cross_entropy: exact second derivatives; PyTorch's carry an epsilon of 1e-8.
kl_div, reduction="mean": the mean over all numbers as in PyTorch, without its warning."""
REAL, UNIT, POSITIVE = (-3.0, 3.0), (0.05, 0.95), (0.2, 3.0)
WEIGHT = np.array([1.3, 0.7, 0.4, 1.9])


def signs(*shape: int) -> np.ndarray[Any, Any]:
    """Targets of 1 and -1."""
    return np.where(np.arange(np.prod(shape)).reshape(shape) % 3 == 0, -1.0, 1.0)


def reduced(calls: str) -> str:
    """Every call with every reduction."""
    return ";".join(calls.replace("<r>", f"reduction={r!r}") for r in ("none", "mean", "sum"))


# Guess and target of one shape: the intervals of x and t, and the calls.
POINTWISE = [
    (REAL, REAL, """
        mse_loss(x, t, <r>); l1_loss(x, t, <r>); smooth_l1_loss(x, t, <r>); smooth_l1_loss(x, t, <r>, beta=2.5);
        smooth_l1_loss(x, t, <r>, beta=0.0); huber_loss(x, t, <r>); huber_loss(x, t, <r>, delta=0.4);
        kl_div(x, t, <r>, log_target=True); soft_margin_loss(x, t.detach(), <r>)
    """),
    (REAL, UNIT, """
        binary_cross_entropy_with_logits(x, t, <r>); kl_div(x, t, <r>); multilabel_soft_margin_loss(x, t, <r>)
    """),
    (REAL, POSITIVE, "poisson_nll_loss(x, t, <r>)"),
    (POSITIVE, POSITIVE, "poisson_nll_loss(x, t, log_input=False, <r>)"),
]  # fmt: skip
OPTIONS = """
    binary_cross_entropy_with_logits(x, t, w.detach()); binary_cross_entropy_with_logits(x, t, pos_weight=w.detach());
    binary_cross_entropy_with_logits(x, t, weight=w.detach(), pos_weight=1 / w.detach(), reduction='none');
    kl_div(x, t, reduction='batchmean'); poisson_nll_loss(x, 4 * t, full=True); poisson_nll_loss(x, t, eps=0.1,
    log_input=False); multilabel_soft_margin_loss(x, t, w.detach()); mse_loss(x, t, weight=v.detach());
    mse_loss(x, t, reduction='sum', weight=v.detach()); l1_loss(x, t, weight=v.detach(), reduction='none');
    huber_loss(x, t, weight=v.detach())
"""
BCE = """
    binary_cross_entropy(x, t, <r>); binary_cross_entropy(x, t, w.detach(), <r>)
"""
# Integer labels. Scores: a batch, a batch of sequences, a batch of pictures, a single sample.
SCORES = {
    "batch": ((5, 4), (5,)), "sequences": ((2, 4, 3), (2, 3)), "pictures": ((2, 4, 2, 3), (2, 2, 3)), "one": ((4,), ()),
}  # fmt: skip
LABELLED = """
    cross_entropy(x, t, <r>); cross_entropy(x, t, w.detach(), <r>); cross_entropy(x, t, ignore_index=1, <r>);
    cross_entropy(x, t, label_smoothing=0.2, <r>);
    cross_entropy(x, t, w.detach(), ignore_index=1, label_smoothing=0.3, <r>);
    cross_entropy(x, t, w.detach(), ignore_index=2, <r>); nll_loss(x, t, <r>); nll_loss(x, t, w.detach(), <r>);
    nll_loss(x, t, w.detach(), ignore_index=1, <r>)
"""
PROBABILITIES = """
    cross_entropy(x, softmax(t, 1 if t.ndim > 1 else 0), <r>);
    cross_entropy(x, softmax(t, 1 if t.ndim > 1 else 0), w.detach(), <r>);
    cross_entropy(x, softmax(t, 1 if t.ndim > 1 else 0), label_smoothing=0.1, <r>)
"""
MARGINS = """
    hinge_embedding_loss(x, s.detach(), <r>); hinge_embedding_loss(x, s.detach(), 1.7, <r>);
    margin_ranking_loss(x, z, s.detach(), <r>); margin_ranking_loss(x, z, s.detach(), margin=0.6, <r>);
    cosine_embedding_loss(x, z, u.detach(), <r>); cosine_embedding_loss(x, z, -u.detach(), margin=-0.5, <r>);
    triplet_margin_loss(x, z, x * z, <r>);
    triplet_margin_loss(x, z, x * z, margin=2.0, p=3.0, eps=1e-4, swap=True, <r>);
    triplet_margin_loss(x, z, x * z, p=1, <r>); multi_margin_loss(x, t, <r>);
    multi_margin_loss(x, t, p=2, margin=0.7, weight=w.detach(), <r>); multilabel_margin_loss(x, m, <r>);
    gaussian_nll_loss(x, z, z * z + 0.3, <r>); gaussian_nll_loss(x, z, z * z + 0.3, full=True, <r>);
    gaussian_nll_loss(x, z, exp(z[:, 0]), <r>); gaussian_nll_loss(x, z, exp(z[:, :1]), <r>);
    gaussian_nll_loss(x, z, relu(z), eps=0.4, <r>)
"""
FEW = dict(
    x=within(*REAL, 3, 4), z=within(-2.99, 3.01, 3, 4), s=signs(3, 4), u=signs(3), w=WEIGHT, t=np.array([0, 3, 1]),
    m=np.array([[3, 0, -1, 1], [-1, 2, 1, 0], [0, 1, 2, 3]]),
)  # fmt: skip


def labels(*shape: int) -> Any:
    """Labels of four classes, of which a single one is never ignored: that would be 0 / 0."""
    return ints(4, *shape) if shape else np.array(3)


CASES = [
    *(case for shape in ((5,), (3, 4), (2, 3, 2)) for x, t, calls in POINTWISE
      for case in table(dict(x=within(*x, *shape), t=within(t[0] + 0.01, t[1] + 0.01, *shape)), reduced(calls))),
    *table(dict(x=within(*POSITIVE, 3, 4), t=within(*UNIT, 3, 4), w=WEIGHT, v=positive(3, 4)), OPTIONS),
    *(case for x, t in SCORES.values()
      for case in table(dict(x=within(*REAL, *x), t=labels(*t), w=WEIGHT), reduced(LABELLED))),
    *(case for x, _ in SCORES.values()
      for case in table(dict(x=within(*REAL, *x), t=within(*REAL, *x), w=WEIGHT), reduced(PROBABILITIES))),
    *table(FEW, reduced(MARGINS) + "; pairwise_distance(x, z); pairwise_distance(x, z, 1.5, 0.1, True)"),
    *table(dict(x=(4,), z=(4,), u=np.array(-1.0), t=np.array(2), m=np.array([2, 0, -1, 1])), """
        cosine_embedding_loss(x, z, u.detach()); multi_margin_loss(x, t); multilabel_margin_loss(x, m);
        pairwise_distance(x, z); triplet_margin_loss(x, z, x * z)
    """),
]  # fmt: skip
PROBABLE = [
    case for shape in ((4,), (3, 4), (2, 3, 4))
    for case in table(dict(x=within(*UNIT, *shape), t=within(0.08, 0.93, *shape), w=WEIGHT), reduced(BCE))
]  # fmt: skip


test_agrees_with_pytorch = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")(agreeing(CASES))


@pytest.mark.parametrize(("inputs", "call"), PROBABLE)
def test_cross_entropy_of_probabilities(inputs: dict[str, Any], call: str) -> None:
    agree(inputs, call, rtol=1e-8, atol=1e-11)  # PyTorch adds an epsilon to the second derivative
    agree(inputs, call, np.float32, seed=1, order=1)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_all_labels_ignored(name: str, reduction: str) -> None:
    inputs, order = dict(x=(2, 3), t=np.array([-100, -100])), 0 if reduction == "mean" else 1
    agree(inputs, f"{name}(x, t, reduction={reduction!r})", order=order)


@pytest.mark.parametrize("scale", [30.0, 1000.0, 1e6])
def test_large_logits_are_stable(scale: float) -> None:
    """No overflow, and gradients of the right size, however sure the guess is."""
    sure = dict(x=np.array([1.0, -1.0, 1.0, -1.0]) * scale, t=np.array([1.0, 1.0, 0.0, 0.0]))
    rows = dict(x=np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 0.0]]) * scale, t=np.array([0, 0]))
    for inputs, call in (
        (sure, "binary_cross_entropy_with_logits(x, t)"), (sure, "multilabel_soft_margin_loss(x, t)"),
        (sure, "binary_cross_entropy_with_logits(x, t, pos_weight=(t + 1).detach())"), (sure, "huber_loss(x, t)"),
        (rows, "cross_entropy(x, t)"), (rows, "cross_entropy(x, t, label_smoothing=0.1)"),
    ):  # fmt: skip
        agree(inputs, call)
    loss = mx.functional.soft_margin_loss(mx.Tensor(sure["x"]), mx.Tensor(2 * sure["t"] - 1))
    assert loss.item() == pytest.approx(scale / 2)


def test_certain_probabilities_cost_at_most_100() -> None:
    certain = dict(p=np.array([0.0, 1.0, 0.0, 1.0]), t=np.array([1.0, 0.0, 0.0, 1.0]))
    agree(certain, "binary_cross_entropy(p, t.detach(), reduction='none')", order=1, rtol=1e-8)


def test_a_minus_infinity_elsewhere_does_no_harm() -> None:
    inputs = dict(x=np.array([[0.5, -np.inf, 1.0], [-np.inf, 0.1, 0.2]]), t=np.array([0, 2]))
    agree(inputs, "cross_entropy(x, t)", order=1)
    agree(inputs, "nll_loss(x, t)", order=1)


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


GUESSES = dict(
    x=within(*REAL, 3, 4), t=within(-2.99, 3.01, 3, 4), i=np.array([0, 3, 1]), j=np.array([0, 4, 1]),
    k=np.array([0, -1, 1]), s=signs(2),
)  # fmt: skip
REFUSED = table(
    GUESSES,
    """
    mse_loss(x, t, reduction='avg'); l1_loss(x, t, reduction='avg'); huber_loss(x, t, reduction='avg');
    smooth_l1_loss(x, t, reduction='avg'); kl_div(x, t, reduction='avg'); soft_margin_loss(x, t, reduction='avg');
    binary_cross_entropy(sigmoid(x), sigmoid(t), reduction='avg'); poisson_nll_loss(x, t, reduction='avg');
    binary_cross_entropy_with_logits(x, t, reduction='avg'); hinge_embedding_loss(x, t, reduction='avg');
    multilabel_soft_margin_loss(x, t, reduction='avg'); margin_ranking_loss(x, t, t, reduction='avg');
    cosine_embedding_loss(x, t, t[:, 0], reduction='avg'); triplet_margin_loss(x, t, -x, reduction='avg');
    gaussian_nll_loss(x, t, t * t, reduction='avg'); multi_margin_loss(x, i, reduction='avg');
    multilabel_margin_loss(x, argsort(x), reduction='avg'); nll_loss(x, i, reduction='avg');
    cross_entropy(x, i, reduction='avg'); kl_div(x, t, reduction=None); binary_cross_entropy(x, t);
    binary_cross_entropy(sigmoid(x) * nan, sigmoid(t));
    binary_cross_entropy(sigmoid(x), sigmoid(t)[0]); binary_cross_entropy_with_logits(x, t[:, :2]);
    huber_loss(x, t, delta=0.0); smooth_l1_loss(x, t, beta=-1.0); mse_loss(x, t[:, :2]); l1_loss(x, t[:2]);
    cross_entropy(x, j); cross_entropy(x, k); cross_entropy(x, i[:2]); cross_entropy(x, i[:, None]);
    cross_entropy(x, t[:, :2]); cross_entropy(x, i * 1.0); cross_entropy(x, i, label_smoothing=1.5);
    cross_entropy(x, i, t[0, :2]); cross_entropy(argsort(x), i);
    nll_loss(x, j); nll_loss(x, t); nll_loss(x, i, t[0, :3]); nll_loss(x, i[:2]); gaussian_nll_loss(x, t, -t * t);
    gaussian_nll_loss(x, t, exp(t[:2])); triplet_margin_loss(x, t, x + t, margin=0.0); multi_margin_loss(x, i, p=3);
    multi_margin_loss(x, j); multi_margin_loss(x, i[:2]); multilabel_margin_loss(x, i); multi_margin_loss(x, t);
    cosine_embedding_loss(x, t, s); cosine_embedding_loss(x, t[:, :2], t[:, 0]); kl_div(x, t[:, :2]);
    margin_ranking_loss(x, t[:, :2], t); margin_ranking_loss(x, t, s); hinge_embedding_loss(x, t[:, :3]);
    soft_margin_loss(x, t[:, :3]); multilabel_soft_margin_loss(x, t[:, :3]); poisson_nll_loss(x, t[:, :3]);
    triplet_margin_loss(x, t[:, :3], x); pairwise_distance(x, t[:, :3]); mse_loss(x); cross_entropy(x);
    mse_loss(x, t, squared=True); huber_loss(x, t, beta=1.0); multi_margin_loss(x, i, weight=t[0, :3]);
    multilabel_margin_loss(x, argsort(x) + 1); binary_cross_entropy(sigmoid(x), sigmoid(t), t[:, :3]);
    binary_cross_entropy_with_logits(x, t, pos_weight=t[:, :3]); mse_loss(x, t, weight=t[:, :3])
""",
)


test_refuses_what_pytorch_refuses = pytest.mark.filterwarnings("ignore:Using a target size")(refusing(REFUSED))


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss"])
def test_a_target_that_would_only_broadcast_is_refused(name: str) -> None:
    with pytest.raises(mx.OpError, match="same shape"):
        getattr(mx.functional, name)(mx.Tensor(np.ones((3, 1))), mx.Tensor(np.ones(3)))
