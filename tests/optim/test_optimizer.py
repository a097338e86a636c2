"""Optimizers without an oracle: what they change, what they refuse, what they save."""

import json
import warnings
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import optim
from microgradx.nn.module import StateError
from microgradx.optim import lr_scheduler

NAMES = ["SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Adamax", "NAdam", "RAdam"]


def quadratic(w: Any) -> Any:
    return ((w - 3.0) ** 2).sum()


def train(optimizer: optim.Optimizer, w: Any, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        quadratic(w).backward(keep="leaves")
        optimizer.step()


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_goes_downhill(name: str) -> None:
    w = mx.Tensor([0.0, 10.0])
    before = quadratic(w).item()
    train(getattr(optim, name)([w], lr=0.05), w, 50)
    assert quadratic(w).item() < before


@pytest.mark.parametrize("name", NAMES)
def test_a_value_and_an_array_take_the_same_path(name: str) -> None:
    value, tensor = mx.Value(1.0), mx.Tensor([1.0])
    one, other = getattr(optim, name)([value], lr=0.1), getattr(optim, name)([tensor], lr=0.1)
    for _ in range(5):
        for optimizer, w in ((one, value), (other, tensor)):
            optimizer.zero_grad()
            loss = (w - 3.0) ** 2
            (loss if w is value else loss.sum()).backward()
            optimizer.step()
    assert type(value.data) is float
    assert value.data == tensor.data[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_step_leaves_the_arrays_that_others_hold(name: str) -> None:
    given = np.array([0.0, 10.0])
    w = mx.Tensor(given)
    quadratic(w).backward()
    before, gradient = w.data, w.grad
    getattr(optim, name)([w], lr=0.1).step()
    assert given.tolist() == before.tolist() == [0.0, 10.0] and gradient.tolist() == [-6.0, 14.0]
    assert w.data.tolist() != [0.0, 10.0]


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_optimizer_continues_bit_for_bit(name: str) -> None:
    straight, resumed = mx.Tensor(np.array([[0.0, 10.0]], "float32")), mx.Tensor(np.array([[0.0, 10.0]], "float32"))
    train(getattr(optim, name)([straight]), straight, 7)
    first = getattr(optim, name)([resumed])
    train(first, resumed, 3)
    saved = first.state_dict()
    train(first, mx.Tensor(resumed.data), 0)
    second = getattr(optim, name)([resumed], lr=123.0)
    second.load_state_dict(saved)
    train(second, resumed, 4)
    assert straight.data.tobytes() == resumed.data.tobytes()


def test_a_saved_state_is_a_copy() -> None:
    w = mx.Tensor([0.0])
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)
    train(optimizer, w, 1)
    saved = optimizer.state_dict()
    before = saved["state"][0]["momentum_buffer"].copy()
    train(optimizer, w, 1)
    assert saved["state"][0]["momentum_buffer"] == before


def test_parameters_without_a_gradient_stay() -> None:
    used, unused = mx.Tensor([0.0]), mx.Tensor([5.0])
    train(optim.Adam([used, unused]), used, 3)
    assert unused.data == [5.0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda w: optim.SGD([]), "needs parameters"),
        (lambda w: optim.SGD([w.data]), "needs parameters"),
        (lambda w: optim.SGD([w * 2]), "leaves"),
        (lambda w: optim.SGD([w, w]), "twice"),
        (lambda w: optim.SGD([w], learning_rate=0.1), "its settings are lr, momentum"),
        (lambda w: optim.SGD([w], lr=-1), "lr must be 0 or more"),
        (lambda w: optim.SGD([w], lr=float("nan")), "lr must be 0 or more"),
        (lambda w: optim.SGD([w], nesterov=True), "needs a momentum"),
        (lambda w: optim.Adam([w], betas=(0.9, 1.0)), "betas must be below 1"),
        (lambda w: optim.Adam([{"params": w, "momentum": 0.9}]), "has no setting momentum"),
        (lambda w: lr_scheduler.StepLR(optim.SGD([w])), "its options are step_size, gamma"),
        (lambda w: lr_scheduler.StepLR(optim.SGD([w]), 0), "step_size must be 1 or more"),
        (
            lambda w: lr_scheduler.StepLR(optim.SGD([w]), 2, last_epoch=3),
            'last_epoch 3 goes on from a rate .* "initial_lr"',
        ),
        (lambda w: lr_scheduler.ConstantLR(optim.SGD([w]), 2.0), "factor is a share of the rate, from 0 to 1, not 2"),
        (lambda w: lr_scheduler.LinearLR(optim.SGD([w]), 0.0), "start_factor is a share of the rate, above 0 to 1"),
        (lambda w: lr_scheduler.ChainedScheduler([]), "one or more, all of the same optimizer"),
        (
            lambda w: lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(optim.SGD([w]), 2) for _ in range(2)]),
            "all of the same optimizer",
        ),
        (
            lambda w: lr_scheduler.SequentialLR(
                o := optim.SGD([w]), [lr_scheduler.StepLR(o, 2), lr_scheduler.StepLR(o, 2)], [1, 2]
            ),
            "2 schedules have 1 milestones",
        ),
        (lambda w: lr_scheduler.LambdaLR(optim.SGD([w]), [abs, abs]), "each of the optimizer's 1 groups"),
        (lambda w: lr_scheduler.LambdaLR(optim.SGD([w]), [0.5]), r"of functions; got \[0.5\]"),
        (lambda w: lr_scheduler.OneCycleLR(optim.SGD([w]), 0.1), "total_steps"),
        (lambda w: lr_scheduler.OneCycleLR(optim.SGD([w]), 0.1, 5, anneal_strategy="sin"), "'cos' or 'linear'"),
        (lambda w: lr_scheduler.OneCycleLR(optim.Adagrad([w]), 0.1, 5), "cycle_momentum=False"),
    ],
)
def test_mistakes_are_explained(make: Any, says: str) -> None:
    with pytest.raises(mx.OpError, match=says):
        make(mx.Tensor([1.0]))


def test_a_step_before_backward_is_an_error() -> None:
    with pytest.raises(mx.GradientError, match="backward"):
        optim.SGD([mx.Tensor([1.0])]).step()


def test_a_state_of_other_parameters_is_refused() -> None:
    w, v = mx.Tensor([0.0, 1.0]), mx.Tensor([0.0])
    optimizer = optim.Adam([w])
    train(optimizer, w, 1)
    with pytest.raises(StateError, match="exp_avg"):
        optim.Adam([v]).load_state_dict(optimizer.state_dict())
    with pytest.raises(StateError, match=r"\[2\].*\[1\]"):
        optim.Adam([v, w]).load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize("saved", ["momentum", "Adam", "Adagrad"])
@pytest.mark.parametrize("here", ["plain", "momentum", "Adam", "RMSprop"])
def test_what_another_rule_remembered_is_refused(saved: str, here: str) -> None:
    w = mx.Tensor([0.0])
    make: dict[str, Any] = {
        "plain": lambda: optim.SGD([w]), "momentum": lambda: optim.SGD([w], momentum=0.9),
        "Adam": lambda: optim.Adam([w]), "Adagrad": lambda: optim.Adagrad([w]), "RMSprop": lambda: optim.RMSprop([w]),
    }  # fmt: skip
    first, second = make[saved](), make[here]()
    train(first, w, 1)
    if here == saved or (here, saved) == ("plain", "momentum"):  # momentum is a setting, and settings are taken over
        second.load_state_dict(first.state_dict())
        assert second.state_dict() == first.state_dict()
        return
    before = second.state_dict()
    with pytest.raises(StateError, match="another optimizer"):
        second.load_state_dict(first.state_dict())
    assert second.state_dict() == before


def test_a_schedule_continues_where_it_was_saved() -> None:
    w = mx.Tensor([0.0])
    straight = lr_scheduler.CosineAnnealingLR(optim.SGD([w], lr=0.3), T_max=10)
    for _ in range(4):
        straight.step()
    resumed = lr_scheduler.CosineAnnealingLR(optim.SGD([w], lr=99.0), T_max=10)
    resumed.load_state_dict(straight.state_dict())
    assert resumed.get_last_lr() == straight.get_last_lr()
    with pytest.raises(StateError, match="groups"):
        resumed.load_state_dict({"last_epoch": 1, "base_lrs": [0.1, 0.2]})


def test_a_schedule_that_goes_on_with_other_options_warns() -> None:
    w = mx.Tensor([0.0])
    saved = lr_scheduler.CosineAnnealingLR(optim.SGD([w], lr=0.3), T_max=10).state_dict()
    with pytest.warns(UserWarning, match="goes on with T_max = 20, but it was saved with T_max = 10: this training"):
        lr_scheduler.CosineAnnealingLR(optim.SGD([w], lr=0.3), T_max=20).load_state_dict(saved)
    milestones = lr_scheduler.MultiStepLR(optim.SGD([w]), range(1, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        milestones.load_state_dict(json.loads(json.dumps(milestones.state_dict())))


def test_an_optimizer_shows_its_settings() -> None:
    assert repr(optim.SGD([mx.Tensor([1.0])], lr=0.5)).startswith("SGD(lr=0.5, momentum=0, ")
