"""A program may not follow the numbers of one run: what a function decides by them is told, with the line."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn


def compiled(function: Callable[..., Any]) -> Any:
    return mx.compile(function, fullgraph=True)


READERS: dict[str, Callable[[Any], Any]] = {
    "data": lambda x: x * 2.0 if x.data.max() > 3 else x,
    "numpy": lambda x: x * 2.0 if x.numpy().max() > 3 else x,
    "asarray": lambda x: x * 2.0 if np.asarray(x).max() > 3 else x,
    "tolist": lambda x: x * 2.0 if max(x.tolist()) > 3 else x,
    "detached": lambda x: x * 2.0 if getattr(x.detach(), "data").max() > 3 else x,  # noqa: B009  # what is tested
    "index": lambda x: x[x.argmax()] * 2.0,
    "mask": lambda x: x[x > 3],
    "where": lambda x: mx.where(x > 3)[0],
    "allclose": lambda x: x * float(mx.allclose(x, [1.0, 2.0])),
    "scatter": lambda x: x.scatter(0, x.argsort(), 2.0 * x),
    "one_hot": lambda x: mx.one_hot(x.astype("int64")),
    "masked_select": lambda x: mx.masked_select(x, x > 3),
    "pool": lambda x: mx.max_pool1d(x[None, None], 2, return_indices=True)[1],
    "svd": lambda x: mx.linalg.svd(mx.outer(x, [1.0, 2.0, 4.0])).Vh,
    "repr": lambda x: x * 2.0 if "9" in repr(x) else x,
    "text": lambda x: x * 2.0 if "9" in f"{x}" else x,
    "margin": lambda x: mx.multilabel_margin_loss(x, x.astype("int64") - 1 - 7 * (x > 8)),
}


@pytest.mark.parametrize("how", READERS)
def test_a_decision_by_bare_numbers_runs_eagerly_and_says_where(how: str) -> None:
    f = READERS[how]
    g = mx.compile(f)
    first = np.array([1.0, 2.0])
    with pytest.warns(UserWarning, match=r"at test_decisions.py:\d+: "):
        g(first)
    for numbers in (first, np.array([2.0, 1.0]), np.array([1.0, 1.5])):
        np.testing.assert_array_equal(g(numbers).data, f(mx.Tensor(numbers)).data)
    assert mx.Tensor.data is mx.graph.Node.__dict__["data"]  # nobody listens any longer


class Branching:
    def turned(self, x: Any) -> Any:
        return x if x.data > 0 else -x

    @staticmethod
    def folded(x: Any) -> Any:
        return x if x.data > 0 else -x

    def __call__(self, x: Any) -> Any:
        return sum((self.turned(x * float(k)) for k in range(-300, 300)), x)


def test_branches_in_large_graphs_of_numbers_are_seen_too() -> None:
    folded = lambda x: sum((Branching.folded(x * float(k)) for k in range(-300, 300)), x)
    gets = lambda x: sum(getattr(x, "data") * x for _ in "12")  # noqa: B009  # as above
    for f in (folded, gets, Branching(), lambda x: Branching().turned(x) * 2.0):
        with pytest.raises(mx.compiler.CompileError, match=r"at test_decisions.py:\d+: "):
            compiled(f)(2.0)


def test_chance_of_ones_own_is_noticed() -> None:
    chance = np.random.default_rng(0)
    with pytest.raises(mx.compiler.CompileError, match="draws random numbers of its own"):
        compiled(lambda x: x * chance.random())(2.0)


def test_the_shape_and_dtype_of_data_are_no_decision() -> None:
    f = compiled(lambda x: x * x.data.shape[0] if x.data.dtype == np.float64 and x.data.ndim == 1 else x)
    assert f(np.ones(3)).data.tolist() == [3.0, 3.0, 3.0]


def test_functions_that_look_at_numbers_compile_where_ops_can_do_it() -> None:
    x, labels = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([0, 1])
    fill = compiled(lambda x, mask: mx.masked_fill(x, mask, 7.0))
    for mask in (x > 0, x < 0):
        np.testing.assert_array_equal(fill(x, mask).data, np.where(mask, 7.0, x))
    rows = compiled(lambda weight, ids: mx.embedding(ids, weight))
    for ids in (labels, labels[::-1]):
        np.testing.assert_array_equal(rows(x, ids).data, x[ids])
    loss = compiled(lambda x, spread: mx.gaussian_nll_loss(x, np.zeros((2, 2)), spread))
    for spread in (np.ones((2, 2)), np.array([[0.0, 1e-9], [1.0, 2.0]])):
        assert loss(x, spread).item() == mx.gaussian_nll_loss(x, np.zeros((2, 2)), spread).item()
    causal = compiled(lambda x: mx.scaled_dot_product_attention(x, x, x, is_causal=True))
    for each in (x, 2 * x):
        wanted = mx.scaled_dot_product_attention(each, each, each, is_causal=True)
        np.testing.assert_allclose(causal(each).data, wanted.data, rtol=1e-14)


PLACES: dict[str, Callable[[Any], Any]] = {
    "max": lambda x: x.max(dim=1).values,
    "min": lambda x: x.min(dim=0, keepdims=True).values,
    "sort": lambda x: x.sort(descending=True).values[:, 0],
    "topk": lambda x: x.topk(2, 0).values,
    "median": lambda x: x.median(1).values + x.median(),
    "cummax": lambda x: mx.cummax(x, 1).values + mx.cummin(x, 1).values,
    "softmax by hand": lambda x: (x - x.max(dim=-1, keepdims=True).values).exp(),
    "gather": lambda x: x.gather(1, x.argmax(1, keepdims=True)),
    "gather fewer": lambda x: x.gather(0, x.argsort(0)[:, :1]),
    "take_along_dim": lambda x: mx.take_along_dim(x, x.argmin(1, keepdims=True), 1),
    "one_hot": lambda x: x * mx.one_hot(x.argmax(1), 3),
    "masked attention": lambda x: mx.scaled_dot_product_attention(x, x, x, x @ x.mT > [[0.0], [9.0]]),
    "pool": lambda x: mx.adaptive_max_pool1d(x[None], 2),
}


@pytest.mark.parametrize("how", PLACES)
@pytest.mark.parametrize("target", ["numpy", "c"])
@pytest.mark.filterwarnings("ignore:target c")  # orders have no C form
def test_places_that_ops_find_are_found_anew_in_each_call(how: str, target: str) -> None:
    loss = lambda x: (PLACES[how](x) * x.detach().sum()).square().sum()
    f = mx.compile(loss, fullgraph=True, target=target)
    for x in (np.array([[0.5, -1.0, 2.0], [2.0, 0.25, -3.0]]), np.array([[-1.0, 3.0, 0.5], [0.1, 0.2, 0.3]])):
        value, (gradient,) = f.value_and_grad(x)
        leaf = mx.Tensor(x)
        wanted = loss(leaf)
        wanted.backward()
        np.testing.assert_allclose(value, wanted.item(), rtol=1e-14)
        np.testing.assert_allclose(gradient, leaf.grad, rtol=1e-14)
    assert f.traces == 1


def test_places_beyond_the_axis_are_refused_as_by_the_engine() -> None:
    f = compiled(lambda x, k: x.gather(1, k))
    x = np.array([[0.5, -1.0], [2.0, 0.25]])
    assert f(x, np.array([[1], [0]])).data.tolist() == [[-1.0], [2.0]]
    for wrong in (2, -1):
        with pytest.raises(mx.OpError, match=r"gather: indices must lie in 0 … 1"):
            f(x, np.array([[wrong], [0]]))


def test_masks_of_attention_may_differ_from_batch_to_batch() -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    f = compiled(lambda x, padding: attention(x, x, x, key_padding_mask=padding)[0])
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for places in ([], [(0, 2)], [(0, 0), (0, 1), (0, 2), (1, 1)]):
        padding = np.zeros((2, 3), bool)
        for place in places:
            padding[place] = True
        wanted = attention(*[mx.Tensor(x)] * 3, key_padding_mask=padding)[0]
        np.testing.assert_allclose(f(x, padding).data, wanted.data, rtol=1e-13, atol=1e-15)
    assert f.traces == 1


def test_a_model_in_eval_follows_its_running_statistics() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    x = np.array([[0.5, -1.0], [2.0, 0.25], [1.0, 1.0]])
    f = compiled(model.eval())
    for shift in (0.0, 4.0):
        model.train()
        model(mx.Tensor(x + shift))
        model.eval()
        np.testing.assert_allclose(f(x).data, model(mx.Tensor(x)).data, rtol=1e-15)
    assert f.traces == 1 and "def Sequential(" in f.source(x, differentiate=False)


def test_infinite_constants_are_emitted() -> None:
    f = compiled(lambda x: mx.where(x > 0, x, np.full((2, 2), -np.inf)))
    np.testing.assert_array_equal(f(np.eye(2)).data, [[1.0, -np.inf], [-np.inf, 1.0]])
