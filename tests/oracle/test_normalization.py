"""Normalisation, dropout and attention against PyTorch.

Decisions, where we differ on purpose:
- Running statistics are constant tensors whose data is replaced, not written into: graphs made before keep theirs.
- `dropout` draws from a generator (`generator=`, or the one `manual_seed` seeds); the numbers are not PyTorch's.
- `embedding` has `padding_idx` only; `scaled_dot_product_attention` has no `enable_gqa`.
- `cosine_similarity` differentiates what it computes, the lower bound eps of the lengths too; PyTorch does as if
  eps were not there, which differs for vectors shorter than eps.
- `scaled_dot_product_attention`: what a boolean mask hides is not looked at, not even a nan; PyTorch adds -inf to it.
- `batch_norm` of an empty batch in training is refused, as one element per channel is; PyTorch gives an empty result.
- `group_norm` of a single element per group gives 0 with gradient 0; PyTorch refuses it while training.
"""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import OpError, Tensor
from tests.oracle.compare import agree, agreeing, ints, mask, positive, refusing, table

NORM = [
    *table(dict(x=(4, 3), w=(3,), b=(3,)), """
        batch_norm(x, None, None, training=True); batch_norm(x, None, None, w, b, True);
        batch_norm(x, None, None, w, None, True, 0.3, 1e-3); layer_norm(x, (3,)); layer_norm(x, (3,), w, b);
        layer_norm(x, [4, 3]); layer_norm(x, (3,), weight=w, eps=0.1); rms_norm(x, (3,)); rms_norm(x, [3], w, 1e-3);
        rms_norm(x, (4, 3)); group_norm(x, 1); group_norm(x, 1, w, b)
    """),
    *table(dict(x=(2, 4, 3, 5), w=(4,), b=(4,)), """
        batch_norm(x, None, None, w, b, True); group_norm(x, 2); group_norm(x[:0], 2); group_norm(x, 2, w, b);
        group_norm(x, 4, b, eps=0.1); instance_norm(x); instance_norm(x, None, None, w, b);
        instance_norm(x, weight=w, eps=0.01);
        instance_norm(x, momentum=0.2); dropout(x, 0.3, False); dropout(x, p=0.0); dropout(x, 1.0, training=True)
    """),
    *table(dict(x=(2, 4, 6), w=(4,), b=(4,), v=(4, 6)), """
        batch_norm(x, None, None, w, b, True);
        group_norm(x, num_groups=2, weight=w, bias=b); layer_norm(x, (4, 6), v, v * 2); rms_norm(x, (4, 6), v)
    """),
    *table(dict(x=(4, 3), m=(3,), v=positive(3), w=(3,)), """
        batch_norm(x, m.detach(), v.detach(), w); batch_norm(x, m.detach(), v.detach(), eps=0.2)
    """),
    *table(dict(x=(2, 3, 4), m=(3,), v=positive(3)), """
        instance_norm(x, m.detach(), v.detach(), use_input_stats=False)
    """),
]  # fmt: skip

ATTENTION = [
    *table(dict(i=ints(5, 2, 3), w=(5, 4)), """
        embedding(i, w); embedding(i, w, 2); embedding(i, w, padding_idx=-1); embedding(i[0, 0], w)
    """),
    *table(dict(x=(3, 4), y=(3, 4)), """
        cosine_similarity(x, y); cosine_similarity(x, y, 0); cosine_similarity(x, y, dim=-1, eps=0.01);
        cosine_similarity(x, y[:1]); cosine_similarity(x[0], y, -1)
    """),
    *table(dict(q=(2, 3, 4), k=(2, 5, 4), v=(2, 5, 6), m=mask(3, 5), s=(3, 5), r=mask(2, 3, 5)), """
        scaled_dot_product_attention(q, k, v); scaled_dot_product_attention(q, k, v, m);
        scaled_dot_product_attention(q, k, v, attn_mask=s); scaled_dot_product_attention(q, k, v, scale=0.3);
        scaled_dot_product_attention(q, k, v, None, 0.0, True);
        scaled_dot_product_attention(q, k, v, is_causal=True); scaled_dot_product_attention(q[0], k[0], v[0]);
        scaled_dot_product_attention(q, k, v, r);
        scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], s)
    """),
]  # fmt: skip

REFUSED = [
    *table(dict(x=(4, 3), w=(3,), v=(2,), i=ints(9, 4)), """
        batch_norm(x, None, None); batch_norm(x[:1], None, None, training=True);
        batch_norm(w, None, None, training=True); batch_norm(x, None, None, v, training=True);
        batch_norm(x, v.detach(), v.detach()); layer_norm(x, (4,)); layer_norm(x, (3,), v); layer_norm(x, ());
        rms_norm(x, (2,)); group_norm(x, 2); group_norm(x, 0); group_norm(x, 1, v); instance_norm(x[:, :, None]);
        dropout(x, 1.5); dropout(x, -0.1); embedding(i, x); embedding(i * 1.0, x); embedding(i % 4, x, 7);
        cosine_similarity(x, x[:, :2]); cosine_similarity(x, x, 2)
    """),
    *table(dict(q=(2, 3, 4), k=(2, 5, 4), v=(2, 5, 6), m=mask(3, 5)), """
        scaled_dot_product_attention(q, k[:, :, :3], v); scaled_dot_product_attention(q, k, v[:, :4]);
        scaled_dot_product_attention(q, k, v, m, is_causal=True); scaled_dot_product_attention(q, k, v, m[:2])
    """),
]  # fmt: skip


test_agrees_with_pytorch = agreeing([*NORM, *ATTENTION])


test_refuses_what_pytorch_refuses = refusing(REFUSED)


@pytest.mark.parametrize("call", ["batch_norm(x, None, None, None, b, True)", "instance_norm(x, bias=b)"])
def test_a_bias_alone(call: str) -> None:
    agree(dict(x=(2, 4, 6), b=(4,)), call, order=1)  # PyTorch 2.13 fails on the second gradient here


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_running_statistics_follow_pytorch(name: str) -> None:
    def call(F: Any, t: Any) -> Any:
        kept, norm = [F.tensor(np.zeros(2), False), F.tensor(np.ones(2), False)], getattr(F, name)
        trained = [norm(t[x], *kept, t["w"], None, True, 0.3) for x in ("x", "z")]
        return *trained, *kept, norm(t["x"], *kept, t["w"], None, False)

    agree(dict(x=(3, 2, 5), z=(3, 2, 5), w=(2,)), call)


def test_running_statistics_are_new_data_of_constants() -> None:
    x, kept = Tensor(np.arange(6.0).reshape(3, 2)), Tensor(np.zeros(2), requires_grad=False)
    before = kept.data
    mx.batch_norm(x, kept, None, None, None, True)
    assert kept.data.any() and not before.any(), "the old array is left as it was"
    with pytest.raises(OpError, match="requires_grad=False"):
        mx.batch_norm(x, Tensor(np.zeros(2)), None, None, None, True)


def test_a_query_that_sees_nothing_gets_zeros() -> None:
    q, k, v = (Tensor(np.random.default_rng(0).normal(size=(3, 2))) for _ in range(3))
    sees = np.array([[True, False, True], [False, False, False], [True, True, True]])
    y = mx.scaled_dot_product_attention(q, k, v, sees)
    assert y.data[1].tolist() == [0, 0]
    y.sum().backward()
    assert np.isfinite(q.grad).all() and q.grad[1].tolist() == [0, 0]


def test_dropout_keeps_the_mean_and_its_seed_repeats_it() -> None:
    x = Tensor(np.ones(20_000))
    y = mx.dropout(x, 0.3, generator=mx.Generator(7))
    assert set(np.unique(y.data)) == {0, 1 / 0.7}
    assert abs(y.data.mean() - 1) < 0.02
    assert np.array_equal(y.data, mx.dropout(x, 0.3, generator=mx.Generator(7)).data)
    mx.manual_seed(3)
    one = mx.dropout(x).data
    assert not np.array_equal(one, mx.dropout(x).data)
    mx.manual_seed(3)
    assert np.array_equal(one, mx.dropout(x).data)
    y.sum().backward()
    assert np.array_equal(x.grad, y.data), "the gradient passes where x did"


def test_dropout_at_its_ends() -> None:
    x = Tensor([1.0, 2.0])
    assert mx.dropout(x, 0.5, training=False) is x
    assert mx.dropout(x, 0.0).data.tolist() == [1, 2]
    assert mx.dropout(x, 1.0).data.tolist() == [0, 0]


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    with pytest.raises(OpError, match="seed"):
        mx.manual_seed(seed)
