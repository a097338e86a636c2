"""C and NumPy in turn: products by NumPy's library, all between them as loops in C; the engine gives the same."""

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn
from microgradx.compiler.program import raw, record
from microgradx.compiler.to_c import stages
from microgradx.compiler.to_c import target as c_target
from microgradx.compiler.to_c.mixed import Mixed
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.graph import Tensor
from tests.compiler.in_c import close, leaves, needs_a_compiler, quick_builds

pytestmark = needs_a_compiler
assert quick_builds  # a fixture


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr(stages, "LARGEST", 7)
    monkeypatch.setattr(stages, "LONG_ROW", 7)
    monkeypatch.setattr(stages, "OFTEN", 3)


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


def given(**arrays):
    return [Tensor(array, name=name, requires_grad=array.dtype.kind == "f") for name, array in arrays.items()]


def classified(x, W, b, V, t):
    return mx.cross_entropy(mx.tanh(x @ W + b) @ V, t)


def attention(q, k, v):
    return (mx.softmax(q @ k.mT / 2.0) @ v).sum() + (q * q).sum(axis=-1).mean()


def recurrent(x, W, U, V):
    h, seen = x[0] @ W, []
    for k in range(5):
        h = mx.sigmoid(x[k] @ W + h @ mx.transpose(U))
        seen.append(h)
    return (mx.stack(seen) @ V).square().sum()


def in_other_shapes(x, W):
    y = (x.reshape(6, 4) @ W).reshape(2, 3, 5)
    return (mx.concatenate([y, y * 2.0], axis=0).exp().permute(1, 0, 2)[1] @ W.T).mean()


def normed(x, W):
    z = x @ W
    return mx.logsumexp((z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True), dim=1).sum() + z.amax()


FUNCTIONS = {
    classified: given(
        x=normal(6, 3), W=normal(3, 5), b=normal(5), V=normal(5, 4), t=np.array([0, 3, 1, 1, 2, 0])
    ),
    attention: given(q=normal(2, 6, 4), k=normal(2, 6, 4), v=normal(2, 6, 3)),
    recurrent: given(x=normal(5, 3, 4), W=normal(4, 6), U=normal(6, 6), V=normal(6, 2)),
    in_other_shapes: given(x=normal(2, 3, 4), W=normal(4, 5)),
    normed: given(x=normal(6, 4), W=normal(4, 8)),
}  # fmt: skip


def mixed(function, args, fixed=None):
    form = record(function, args, True).form("f")
    return Mixed(form, fixed or Fixed()), form


@pytest.mark.parametrize("corner", [None, np.nan, np.inf, -np.inf, 800.0])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_value_and_gradients_are_those_of_the_engine(function, corner):
    args = FUNCTIONS[function]
    run, _ = mixed(function, args)
    fresh = leaves(args)
    fresh[0].data = np.array(fresh[0].data)
    if corner is not None:
        fresh[0].data.flat[1] = corner
    with np.errstate(all="ignore"):
        result = function(*fresh)
        result.backward()
    for _ in range(2):  # what is kept from call to call does no harm
        (found,), gradients, _ = run(*raw(fresh))
        close(found, result.data, 1e-11)
        wanted = {node.name: node.grad for node in fresh if node.grad is not None}
        assert gradients.keys() == wanted.keys()
        for name, gradient in gradients.items():
            close(gradient, wanted[name], 1e-10)


def test_steps_of_a_sequence_are_one_function_and_write_side_by_side():
    run, _ = mixed(recurrent, FUNCTIONS[recurrent])
    assert len(run.sources) < len(run.plan.stages) / 3
    assert "seen_0[i][j] = sigmoid" in run.text, "in the names of the first of them"
    (stacked,) = (s for s in run.plan.made.values() if s.op.name == "stack" and s.section == "forward")
    for k, name in enumerate(stacked.operands):
        assert np.may_share_memory(run.arrays[name], run.arrays[stacked.name][k])


def test_gradients_go_where_they_shall_and_arrays_that_stay_are_read_anew():
    args = FUNCTIONS[classified]
    W, into = np.array(args[1].data), np.empty((3, 5))
    run, _ = mixed(classified, args, Fixed({"W": W}, {"W": into}))
    rest = [node.data for node in args if node.name != "W"]
    for factor in (1.0, -2.0):
        W[...] = factor * args[1].data
        fresh = leaves(args)
        fresh[1].data = np.array(W)
        classified(*fresh).backward()
        _, gradients, _ = run(*rest)
        close(into, fresh[1].grad, 1e-11)
        assert "W" not in gradients


def test_labels_that_are_no_classes_are_noticed():
    args = FUNCTIONS[classified]
    run, _ = mixed(classified, args)
    with pytest.raises(IndexError):
        run(*raw(args[:-1]), np.array([0, 4, 1, 1, 2, 0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_step_of_a_language_model(dtype, recwarn):
    def losses(target):
        mx.manual_seed(0)
        embed, lstm, out = nn.Embedding(9, 4), nn.LSTM(4, 5), nn.Linear(5, 9)
        parameters = [p for each in (embed, lstm, out) for p in each.parameters()]
        for p in parameters:
            p.data = p.data.astype(dtype)

        def model(x, h, c):
            y, state = lstm(embed(x), (h, c))
            return out(y).reshape(-1, 9), state

        def loss(found, t):
            return (mx.cross_entropy(found[0], t), *found[1])

        step = mx.compile_step(model, loss, mx.optim.Adam(parameters, 0.1), True, target)
        words = np.random.default_rng(0).integers(0, 9, (7, 3))
        state, found = (np.zeros((1, 3, 5), dtype),) * 2, []
        for _ in range(4):
            L, *state = step(words[:-1], *state, words[1:].ravel())
            state = [each.data for each in state]
            found.append(L.item())
        return found, [p.data for p in parameters], step

    (ours, weights, step), (theirs, others, _) = losses("c"), losses("numpy")
    assert not recwarn.list, "it runs as C, not as NumPy"
    built = next(iter(step.programs.values()))
    assert isinstance(c_target.function(built.form), Mixed)
    exact = 1e-11 if dtype == "float64" else 2e-5
    close(ours, theirs, exact)
    for a, b in zip(weights, others, strict=True):
        close(a, b, 100 * exact)


def test_the_source_shows_the_file_of_c_and_what_is_called_in_turn():
    arrays = [normal(3, 4), normal(4, 5), normal(5), normal(5, 3), np.array([0, 2, 1])]
    text = mx.compile(classified, target="c").source(*arrays, buffers=True)
    assert "int region_1(" in text
    turns = text.partition("// A call of the program, in turn:\n")[2]
    assert "@ W" in turns and turns.index("@ W") < turns.index("region_1: ")
