"""A call of every composite, so that it can be checked and explained by name like the rows.

The table lists inputs once and then calls, set apart by semicolons. An input is a shape, or says what its numbers
are: see `KINDS`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from microgradx import functional, linalg
from microgradx.graph import Node, Tensor
from microgradx.random import Generator
from microgradx.rules import BOOK

NAMES: dict[str, Any] = {
    **{name: getattr(module, name) for module in (linalg, functional) for name in module.__all__},
    "Generator": Generator,
}


def _grid(rng: np.random.Generator, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> Any:
    """Odd eighths, apart as long as there are enough of them: away from the kinks, which lie at whole and half numbers.

    For equal numbers are kinks of their own (of max, sort, median).
    """
    steps = np.arange(low, high, 0.25) + 0.125
    count = int(np.prod(shape))
    return rng.permutation(np.resize(rng.permutation(steps), count)).reshape(shape)


# What an input's numbers are like, from a seeded generator and what the table says after the kind.
KINDS: dict[str, Callable[..., Any]] = {
    "real": lambda rng, *shape: _grid(rng, shape),
    "positive": lambda rng, *shape: _grid(rng, shape, 0.25, 2.5),
    "part": lambda rng, *shape: _grid(rng, shape, 0.0, 1.0),  # between 0 and 1
    "label": lambda rng, below, *shape: rng.integers(0, below, shape),
    "sign": lambda rng, *shape: rng.choice([-1.0, 1.0], shape),
    "mask": lambda rng, *shape: np.arange(int(np.prod(shape))).reshape(shape) % 3 != 1,
    "square": lambda rng, n: rng.integers(1, 6, (n, n)) / 8 + np.diag(np.arange(2.0, n + 2)),  # invertible
    "fixed": lambda rng, *shape: Tensor(_grid(rng, shape), requires_grad=False),
}
_TABLE: tuple[tuple[dict[str, Any], str], ...] = (
    (
        dict(x=(2, 3)),
        """celu(x, 0.5); gelu(x); gelu(x, "tanh"); hardshrink(x); hardsigmoid(x); hardswish(x); hardtanh(x); ravel(x);
        logsigmoid(x); mish(x); relu6(x); selu(x); silu(x); softmin(x); softshrink(x); softsign(x); tanhshrink(x);
        threshold(x, 0.5, -1.0); frac(x); reciprocal(x); sinc(x); nan_to_num(x); clamp(x, -1.0, 1.0); flatten(x);
        unflatten(x, 1, (3, 1)); permute(x, 1, 0); movedim(x, 0, 1); expand(x[:, :, None], 2, 3, 2); repeat(x, 1, 2);
        tile(x, 2); roll(x, 1, 1); rot90(x); narrow(x, 1, 0, 2); select(x, 1, 0); getitem(x, (0, slice(1, None)));
        chunk(x, 2); split(x, 2); tensor_split(x, 2); unbind(x); tril(x); triu(x); diagonal(x); diag(x); trace(x);
        diag_embed(x[0]); cummax(x, 1); cummin(x, 1); cumprod(x, 1); logcumsumexp(x, 1); sort(x); topk(x, 2);
        median(x); median(x, 1); max(x); max(x, 1); min(x); min(x, 1); prod(x, 1); std(x); std(x, 1); norm(x);
        vector_norm(x); matrix_norm(x); dropout(x, 0.5, generator=Generator(3)); l1_penalty([x]); l2_penalty([x])""",
    ),
    (dict(x=(2, 4)), "glu(x)"),
    (dict(x="positive 2 3"), "rsqrt(x)"),
    (dict(x="part 2 3"), "logit(x)"),
    (dict(x=(2, 3), weight=(3,)), "prelu(x, weight)"),
    (dict(a="positive 3", b="positive 3"), "xlogy(a, b)"),
    (dict(x=(3,), a=(3,), b="positive 3"), "addcdiv(x, a, b, value=2.0); addcmul(x, a, b, value=2.0)"),
    (dict(a=(3,), b=(3,), weight="part 3"), "lerp(a, b, weight)"),
    (dict(a=(2, 3), b=(2, 3)), "cat([a, b], 1); hstack([a, b]); vstack([a, b])"),
    (dict(a=(2,), b=(3,)), "meshgrid(a, b)"),
    (dict(a=(2,), b=(2,)), "isclose(a, b); allclose(a, b)"),
    (dict(a=(2, 2), b=(2, 2)), "kron(a, b); tensordot(a, b, 1)"),
    (dict(A=(2, 2, 3), B=(2, 3, 1)), "bmm(A, B)"),
    (dict(A=(2, 3), B=(3, 2)), 'einsum("ij,jk->ik", A, B); multi_dot([A, B, A])'),
    (dict(A="square 2"), "matrix_power(A, 3); slogdet(A); svdvals(A); eigvalsh(A)"),
    (dict(x=(2, 2), mat1=(2, 3), mat2=(3, 2)), "addmm(x, mat1, mat2, beta=0.5)"),
    (dict(x1=(2, 2), x2=(2, 3), weight=(2, 2, 3), bias=(2,)), "bilinear(x1, x2, weight, bias)"),
    (dict(x=(2, 3), index="label 2 2 3"), "gather(x, 0, index)"),
    (dict(x=(2, 3), index="label 3 2 1"), "take_along_dim(x, index, 1)"),
    (dict(x=(2, 3), index="label 6 4"), "take(x, index)"),
    (dict(x=(2, 3), index="label 2 3"), "index_select(x, 0, index)"),
    (dict(x=(2, 3), index="label 2 3", source=(3, 3)), "index_add(x, 0, index, source)"),
    (dict(x=(2, 3), index="label 2 1 3", src=(1, 3)), "scatter_add(x, 0, index, src)"),
    (dict(x=(3,), index="label 3 2", values=(2,)), "index_put(x, (index,), values, accumulate=True)"),
    (dict(x=(2, 3), mask="mask 2 3"), "masked_fill(x, mask, 0.5); masked_select(x, mask)"),
    (dict(x="label 3 2", weight=(3, 2)), "embedding(x, weight)"),
    (
        dict(x=(1, 1, 5)),
        """avg_pool1d(x, 2); max_pool1d(x, 2); adaptive_avg_pool1d(x, 2); adaptive_max_pool1d(x, 2)""",
    ),
    (
        dict(x=(1, 1, 4, 4)),
        """avg_pool2d(x, 2); max_pool2d(x, 2); max_pool2d(x, 2, stride=1, padding=1); adaptive_avg_pool2d(x, 2);
        adaptive_max_pool2d(x, 2); interpolate(x[..., :2, :2], scale_factor=2);
        interpolate(x[..., :2, :2], size=(3, 3), mode="bilinear"); unfold(x[..., :3, :3], 2)""",
    ),
    (dict(x=(1, 4, 2, 2)), "pixel_shuffle(x, 2)"),
    (dict(x=(1, 4, 4)), "fold(x, (3, 3), 2)"),
    (dict(x=(1, 1, 5), weight=(1, 1, 3), bias=(1,)), "conv1d(x, weight, bias); conv1d(x, weight, bias, 2, 1)"),
    (
        dict(x=(1, 1, 3, 3), weight=(1, 1, 2, 2), bias=(1,)),
        "conv2d(x, weight, bias); conv2d(x, weight, bias, stride=2, padding=1)",
    ),
    (dict(x=(1, 1, 2, 2, 3), weight=(1, 1, 2, 1, 2), bias=(1,)), "conv3d(x, weight, bias)"),
    (dict(x=(1, 1, 3), weight=(1, 1, 2), bias=(1,)), "conv_transpose1d(x, weight, bias)"),
    (dict(x=(1, 1, 2, 2), weight=(1, 1, 2, 2), bias=(1,)), "conv_transpose2d(x, weight, bias)"),
    (dict(x=(4,), w=(2,)), "convolve(x, w); correlate(x, w)"),
    (
        dict(x=(4, 2), weight=(2,), bias=(2,)),
        "batch_norm(x, None, None, weight, bias, training=True)",
    ),
    (dict(x=(2, 3), weight=(3,), bias=(3,)), "layer_norm(x, (3,), weight, bias)"),
    (dict(x=(2, 3), weight=(3,)), "rms_norm(x, (3,), weight)"),
    (dict(x=(2, 2, 2)), "group_norm(x, 1); instance_norm(x)"),
    (dict(query=(2, 2), key=(3, 2), value=(3, 2)), "scaled_dot_product_attention(query, key, value)"),
    (dict(x1=(2, 3), x2=(2, 3)), "cosine_similarity(x1, x2); pairwise_distance(x1, x2)"),
    (
        dict(x=(1, 2), h=(1, 2), w_ih=(2, 2), w_hh=(2, 2), b_ih=(2,)),
        "rnn_cell(x, h, w_ih, w_hh, b_ih); rnn_cell(x, h, w_ih, w_hh, b_ih, nonlinearity='relu')",
    ),
    (dict(x=(1, 2), h=(1, 1), w_ih=(3, 2), w_hh=(3, 1), b=(3,), b_hh=(3,)), "gru_cell(x, h, w_ih, w_hh, b, b_hh)"),
    (dict(x=(1, 2), h=(1, 1), c=(1, 1), w_ih=(4, 2), w_hh=(4, 1), b=(4,)), "lstm_cell(x, (h, c), w_ih, w_hh, b)"),
    (dict(x=(2, 1, 1), h=(1, 1, 1), w_ih=(1, 1), w_hh=(1, 1)), "rnn(x, h, [w_ih, w_hh], has_biases=False)"),
    (dict(x=(2, 1, 1), h=(1, 1, 1), w_ih=(3, 1), w_hh=(3, 1)), "gru(x, h, [w_ih, w_hh], has_biases=False)"),
    (
        dict(x=(2, 1, 1), h=(1, 1, 1), c=(1, 1, 1), w_ih=(4, 1), w_hh=(4, 1)),
        "lstm(x, (h, c), [w_ih, w_hh], has_biases=False)",
    ),
    (
        dict(x=(2, 2), t="fixed 2 2"),
        """mse_loss(x, t); l1_loss(x, t); smooth_l1_loss(x, t); huber_loss(x, t)""",
    ),
    (dict(x="part 2 2", t="part 2 2"), "binary_cross_entropy(x, t); kl_div(x, t)"),
    (dict(x=(2, 2), t="part 2 2"), "binary_cross_entropy_with_logits(x, t); poisson_nll_loss(x, t)"),
    (dict(x=(2, 2), t=(2, 2), var="positive 2 2"), "gaussian_nll_loss(x, t, var)"),
    (dict(x=(2, 3), t="label 3 2"), "cross_entropy(x, t); nll_loss(x, t); multi_margin_loss(x, t)"),
    (dict(x=(2, 3), t="label 2 2 3"), "multilabel_soft_margin_loss(x, t)"),
    (dict(x=(1, 3), t="label 1 1 3"), "multilabel_margin_loss(x, t)"),
    (dict(x=(2, 2), t="sign 2 2"), "soft_margin_loss(x, t); hinge_embedding_loss(x, t)"),
    (dict(x1=(3,), x2=(3,), t="sign 3"), "margin_ranking_loss(x1, x2, t, margin=0.5)"),
    (dict(x1=(2, 3), x2=(2, 3), t="sign 2"), "cosine_embedding_loss(x1, x2, t)"),
    (dict(anchor=(2, 2), positive=(2, 2), negative=(2, 2)), "triplet_margin_loss(anchor, positive, negative)"),
)  # fmt: skip


class Call(NamedTuple):
    """A call as text, and the kinds of its inputs."""

    text: str
    inputs: Mapping[str, Any]

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Numbers for the inputs that it uses."""
        used = compile(self.text, "<call>", "eval").co_names
        return {name: self._one(kind, rng) for name, kind in self.inputs.items() if name in used}

    def nodes(self, rng: np.random.Generator) -> dict[str, Any]:
        """The same as leaves; real ones are tracked."""
        drawn = self.draw(rng)
        return {name: x.named(name) if isinstance(x, Node) else Tensor(x, name=name) for name, x in drawn.items()}

    def run(self, **inputs: Any) -> Any:
        """The call with these inputs, which may be nodes."""
        return eval(self.text, {**NAMES, **inputs})  # a text of the table above

    def function(self, rng: np.random.Generator) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The call as a function of its inputs, and inputs for it: what `check_grads` takes."""
        inputs = self.draw(rng)
        return lambda *args: self.run(**dict(zip(inputs, args, strict=True))), tuple(inputs.values())

    @staticmethod
    def _one(kind: Any, rng: np.random.Generator) -> Any:
        word, *sizes = kind.split() if isinstance(kind, str) else ("real", *kind)
        return KINDS[word](rng, *map(int, sizes))


def _calls() -> Iterator[tuple[str, Call]]:
    for inputs, texts in _TABLE:
        for text in texts.split(";"):
            text = " ".join(text.split())
            yield text.partition("(")[0], Call(text, inputs)


CALLS: dict[str, list[Call]] = {}
for _name, _call in _calls():
    CALLS.setdefault(_name, []).append(_call)


def composites() -> dict[str, Callable[..., Any]]:
    """Every public function that is neither a row nor goes by the name of one."""
    rows = set(BOOK.values())
    return {
        name: f
        for name, f in NAMES.items()
        if callable(f) and not isinstance(f, type) and f not in rows and name not in BOOK
    }
