"""A compiled training step does what zero_grad, backward and step do, bit for bit, and leaves everything to be seen.

Only products that are merged over time (test_merges) add in another order.
"""

import copy
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradx as mx
from microgradx import nn, optim
from microgradx.training import load, save

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.5),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adagrad": lambda p: optim.Adagrad(p, lr_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, centered=True, momentum=0.9),
    "Adadelta": lambda p: optim.Adadelta(p),
    "Adam": lambda p: optim.Adam(p, lr=0.05),
    "AdamW": lambda p: optim.AdamW(p, amsgrad=True),
    "Adamax": lambda p: optim.Adamax(p),
    "NAdam": lambda p: optim.NAdam(p),
    "RAdam": lambda p: optim.RAdam(p),  # decides by its step count, so its update runs as it is written
}
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
T = np.array([[0.0], [1.0], [1.0], [0.0]])


def network(*between):
    mx.manual_seed(3)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), *between, nn.Linear(5, 1))


def loss(y, t):
    return mx.binary_cross_entropy_with_logits(y, t)


def eager_step(model, loss, optimizer, *batch):
    optimizer.zero_grad()
    found = loss(model(*(mx.Tensor(a, requires_grad=False) for a in batch[:-1])), mx.Tensor(batch[-1], False))
    found.backward(keep="leaves")
    optimizer.step()
    return found.item()


def same(a, b):
    np.testing.assert_array_equal(a, b)


def same_training(one, other):
    """Parameters, buffers, gradients and the optimizer's memory."""
    (model, optimizer), (model2, optimizer2) = one, other
    for (name, a), b in zip(model.state_dict().items(), model2.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    for a, b in zip(model.parameters(), model2.parameters(), strict=True):
        same(a.grad, b.grad)
    mine, others = optimizer.state_dict(), optimizer2.state_dict()
    assert mine["param_groups"] == others["param_groups"]
    assert mine["state"].keys() == others["state"].keys()
    for k, remembered in others["state"].items():
        assert mine["state"][k].keys() == remembered.keys()
        for name, value in remembered.items():
            assert type(mine["state"][k][name]) is type(value)
            same(mine["state"][k][name], value)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_optimizer_steps_as_it_does_eagerly(name, dtype):
    before = mx.default_dtype()
    mx.set_default_dtype(dtype)
    try:
        model, model2 = network(), network()
    finally:
        mx.set_default_dtype(before)
    optimizer, optimizer2 = (OPTIMIZERS[name](m.parameters()) for m in (model, model2))
    step = mx.compile_step(model, loss, optimizer, fullgraph=True)
    inputs, target = X.astype(dtype), T.astype(dtype)
    for i in range(9):
        if i == 5:  # what a schedule and a checkpoint do in the middle
            optimizer.param_groups[0]["lr"] = optimizer2.param_groups[0]["lr"] = 0.01
            model.load_state_dict(model.state_dict())
            optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        found = step(inputs, target).item()
        wanted = eager_step(model2, loss, optimizer2, inputs, target)
        assert found == pytest.approx(wanted, rel=1e-12 if dtype == "float64" else 1e-6)
        if dtype == "float64":
            same_training((model, optimizer), (model2, optimizer2))
    for a, b in zip(model.parameters(), model2.parameters(), strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a.data, b.data, rtol=1e-5, atol=1e-6)
    assert step.stats["programs"] == step.stats["traces"] == 1 and not step.stats["eager"]


def test_many_weights_are_changed_piece_by_piece():
    models = []
    for _ in range(2):
        mx.manual_seed(2)
        models.append(nn.Sequential(nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 3)))
    optimizers = [optim.Adam(m.parameters()) for m in models]
    step = mx.compile_step(models[0], mx.cross_entropy, optimizers[0], fullgraph=True)
    rng = np.random.default_rng(0)
    for _ in range(3):
        inputs, labels = rng.normal(size=(5, 300)), rng.integers(0, 3, 5)
        step(inputs, labels)
        eager_step(models[1], mx.cross_entropy, optimizers[1], inputs, labels)
        for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-14)


def test_groups_with_settings_of_their_own():
    models = network(), network()
    makers = []
    for model in models:
        first, _, last = (list(layer.parameters()) for layer in model)
        makers.append(optim.SGD([{"params": first, "lr": 0.3}, {"params": last}], lr=0.1, momentum=0.5))
    step = mx.compile_step(models[0], loss, makers[0], fullgraph=True)
    for _ in range(4):
        step(X, T)
        eager_step(models[1], loss, makers[1], X, T)
        same_training((models[0], makers[0]), (models[1], makers[1]))


def test_a_setting_that_changes_makes_a_new_program():
    models = network(), network()
    optimizers = [optim.SGD(m.parameters(), lr=0.1, weight_decay=0.1) for m in models]
    step = mx.compile_step(models[0], loss, optimizers[0], fullgraph=True)
    for i in range(6):
        if i == 3:
            for optimizer in optimizers:
                optimizer.param_groups[0]["weight_decay"] = 0.5
        step(X, T)
        eager_step(models[1], loss, optimizers[1], X, T)
        same_training((models[0], optimizers[0]), (models[1], optimizers[1]))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 100))
@settings(max_examples=15)
def test_batches_of_any_size_in_any_order(sizes, seed):
    models = network(), network()
    optimizers = [optim.Adam(m.parameters()) for m in models]
    step = mx.compile_step(models[0], loss, optimizers[0], fullgraph=True)
    rng = np.random.default_rng(seed)
    for size in sizes:
        rows = rng.integers(0, 4, size)
        step(X[rows], T[rows])
        eager_step(models[1], loss, optimizers[1], X[rows], T[rows])
        same_training((models[0], optimizers[0]), (models[1], optimizers[1]))
    assert step.stats["programs"] == len(set(sizes)) and len(step.updates) == 1


def test_dropout_draws_what_the_engine_would():
    models = network(nn.Dropout(0.4)), network(nn.Dropout(0.4))
    optimizers = [optim.SGD(m.parameters(), lr=0.5) for m in models]
    step = mx.compile_step(models[0], loss, optimizers[0], fullgraph=True)
    losses = []
    for i, (model, optimizer) in enumerate(zip(models, optimizers, strict=True)):
        mx.manual_seed(11)
        if i == 0:
            losses.append([step(X, T).item() for _ in range(5)])
        else:
            losses.append([eager_step(model, loss, optimizer, X, T) for _ in range(5)])
    same(*losses)
    assert len(set(losses[0])) == 5
    same_training((models[0], optimizers[0]), (models[1], optimizers[1]))


def test_eval_and_train_are_different_programs():
    model = network(nn.Dropout(0.5))
    step = mx.compile_step(model, loss, optim.SGD(model.parameters(), lr=0.0), fullgraph=True)
    model.eval()
    assert step(X, T).item() == step(X, T).item()
    model.train()
    assert step(X, T).item() != step(X, T).item()


def test_running_statistics_are_right():
    models = network(nn.BatchNorm1d(5)), network(nn.BatchNorm1d(5))
    optimizers = [optim.SGD(m.parameters(), lr=0.5) for m in models]
    step = mx.compile_step(models[0], loss, optimizers[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            step(X, T)
            eager_step(models[1], loss, optimizers[1], X, T)
            same_training((models[0], optimizers[0]), (models[1], optimizers[1]))


def test_a_training_goes_on_from_a_checkpoint(tmp_path):
    def start():
        model = network()
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        return model, optimizer, mx.compile_step(model, loss, optimizer, fullgraph=True)

    model, optimizer, step = start()
    for _ in range(4):
        step(X, T)
    save(tmp_path / "c.npz", {"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    rest = [step(X, T).item() for _ in range(4)]
    model, optimizer, step = start()
    step(X, T)  # it has a program already when the numbers come in
    saved = load(tmp_path / "c.npz")
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    assert [step(X, T).item() for _ in range(4)] == rest


def test_what_an_embedding_looks_up_differs_from_batch_to_batch():
    models, optimizers = [], []
    for _ in range(2):
        mx.manual_seed(1)
        models.append(nn.Sequential(nn.Embedding(6, 3, padding_idx=0), nn.Linear(3, 6)))
        optimizers.append(optim.SGD(models[-1].parameters(), lr=0.5))

    def per_word(y, t):
        return mx.cross_entropy(mx.movedim(y, -1, 1), t)

    step = mx.compile_step(models[0], per_word, optimizers[0], fullgraph=True)
    rng = np.random.default_rng(0)
    for _ in range(4):
        words, following = rng.integers(0, 6, (2, 3)), rng.integers(0, 6, (2, 3))
        step(words, following)
        eager_step(models[1], per_word, optimizers[1], words, following)
        same_training((models[0], optimizers[0]), (models[1], optimizers[1]))
    with pytest.raises(mx.OpError, match="indices must lie in 0 … 5"):
        step(words + 6, following)


def test_a_step_that_reads_bare_data_is_noticed():
    w = mx.Tensor([1.0, 2.0, 3.0])

    def largest(x):
        return w * x[int(np.argmax(x.data))]

    with pytest.raises(mx.MicrogradxError, match=r"at test_training_step.py:\d+: return w \* x\[int"):
        mx.compile_step(largest, mx.mse_loss, optim.SGD([w], lr=0.1), fullgraph=True)([5.0, 1.0, 2.0], [1.0, 1.0, 1.0])


def test_frozen_and_unused_parameters_stay_as_they_are():
    model = network()
    first = model[0]
    first.requires_grad_(False)
    spare = nn.Parameter([1.0])
    before = {n: np.array(a) for n, a in first.state_dict().items()}
    step = mx.compile_step(model, loss, optim.SGD([*model[2].parameters(), spare], lr=0.5), fullgraph=True)
    step(X, T)
    for name, array in first.state_dict().items():
        same(array, before[name])
    same(spare.data, [1.0])
    assert spare.grad is None


def test_scalars_and_plain_functions_are_models_too():
    w, v = mx.Value(0.5), mx.Value(0.5)
    step = mx.compile_step(lambda x: x * w, mx.mse_loss, optim.SGD([w], lr=0.1), fullgraph=True)
    for _ in range(3):
        step([2.0, 1.0], [1.0, 1.0])
        eager_step(lambda x: x * v, mx.mse_loss, optim.SGD([v], lr=0.1), [2.0, 1.0], [1.0, 1.0])
    assert w.data == pytest.approx(v.data, abs=1e-15) and isinstance(w.data, float)


def test_labels_out_of_range_are_refused_as_eagerly():
    model = nn.Sequential(nn.Linear(2, 3))
    step = mx.compile_step(model, mx.cross_entropy, optim.SGD(model.parameters(), lr=0.1), fullgraph=True)
    step(X, np.array([0, 1, 2, 0]))
    before = model.state_dict()
    with pytest.raises(mx.OpError, match=r"labels must lie in 0 … 2"):
        step(X, np.array([0, 1, 2, 3]))
    for name, array in model.state_dict().items():
        same(array, before[name])


def test_wrong_shapes_are_refused_as_eagerly():
    model = network()
    step = mx.compile_step(model, loss, optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(mx.OpError, match="linear"):
        step(np.ones((4, 3)), T)


def test_an_optimizer_of_other_parameters_is_refused():
    step = mx.compile_step(network(), loss, optim.SGD([mx.Tensor([1.0])], lr=0.1), fullgraph=True)
    with pytest.raises(mx.MicrogradxError, match="does not depend on any parameter of the optimizer"):
        step(X, T)


def test_the_step_reads_like_a_program():
    model = network()
    optimizer = optim.Adam(model.parameters())
    step = mx.compile_step(model, loss, optimizer)
    step(X, T)
    text = step.source(X, T)
    for section in ("# forward", "# backward", "# update"):
        assert section in text
    assert re.search(r"new_layer0_weight_exp_avg = 0\.9 \* layer0_weight_exp_avg \+ ", text)
    assert "np.empty" in step.source(X, T, buffers=True)
