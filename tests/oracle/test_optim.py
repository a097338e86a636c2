"""Optimizers and schedules: the same settings take the same path as PyTorch's."""

import copy
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn, optim
from microgradx.graph import OpError
from microgradx.optim import lr_scheduler

torch = pytest.importorskip("torch")

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", dict(lr=0.01, momentum=0.9, dampening=0.2, weight_decay=0.1)),
    ("SGD", dict(lr=0.01, momentum=0.9, nesterov=True)),
    ("Adagrad", {}),
    ("Adagrad", dict(lr=0.5, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.3, eps=1e-4)),
    ("RMSprop", {}),
    ("RMSprop", dict(lr=0.1, alpha=0.8, eps=1e-3, weight_decay=0.1, momentum=0.9, centered=True)),
    ("Adadelta", {}),
    ("Adadelta", dict(lr=0.5, rho=0.7, eps=1e-3, weight_decay=0.1)),
    *[(name, {}) for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")],
    *[
        (name, dict(lr=0.1, betas=(0.7, 0.9), eps=1e-3, weight_decay=0.1))
        for name in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
    ],
    ("Adam", dict(lr=0.1, betas=(0.7, 0.8), amsgrad=True)),
    ("AdamW", dict(lr=0.1, betas=(0.7, 0.8), amsgrad=True)),
    ("NAdam", dict(lr=0.1, weight_decay=0.1, momentum_decay=0.1, decoupled_weight_decay=True)),
    ("RAdam", dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)),
    ("Adam", dict(lr=0.1, weight_decay=0.1, decoupled_weight_decay=True)),
    *[
        (name, dict(lr=0.001, weight_decay=0.1, maximize=True))
        for name in ("SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Adamax", "NAdam", "RAdam")
    ],
]
SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("LambdaLR", dict(lr_lambda=lambda t: 1 / (1 + t))),
    ("StepLR", dict(step_size=3)),
    ("MultiStepLR", dict(milestones=[2, 5, 5, 9], gamma=0.3)),
    ("ExponentialLR", dict(gamma=0.9)),
    ("ConstantLR", dict(factor=0.5, total_iters=4)),
    ("CosineAnnealingLR", dict(T_max=7, eta_min=0.01)),
    ("CosineAnnealingWarmRestarts", dict(T_0=3, T_mult=2, eta_min=0.01)),
    ("LinearLR", {}),
    ("LinearLR", dict(start_factor=0.1, end_factor=0.5, total_iters=8)),
    ("PolynomialLR", {}),
    ("PolynomialLR", dict(total_iters=8, power=2.0)),
    ("OneCycleLR", dict(max_lr=0.5, total_steps=25)),
    ("OneCycleLR", dict(max_lr=0.5, epochs=5, steps_per_epoch=5, three_phase=True, anneal_strategy="linear")),
]
START = np.array([[1.5, -2.0, 0.5], [0.1, 3.0, -0.7]])
TARGET = np.array([[0.3, 1.0, -1.0], [2.0, 0.0, 0.1]])


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """PyTorch keeps NAdam's mu_product in its default precision, whatever the parameters have."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Twins:
    """The same two parameters and curved loss twice: here and in PyTorch."""

    def __init__(self, name: str, settings: dict[str, Any], dtype: str = "float64") -> None:
        self.ours = [mx.Tensor(START.astype(dtype)), mx.Tensor(np.array(2.0, dtype))]
        self.theirs = [torch.tensor(t.data.copy(), requires_grad=True) for t in self.ours]
        self.optimizer = getattr(optim, name)(self.ours, **settings)
        self.oracle = getattr(torch.optim, name)(self.theirs, **settings)

    def step(self, noise: float) -> None:
        ours, theirs = (self.optimizer, self.ours, TARGET), (self.oracle, self.theirs, torch.tensor(TARGET))
        for optimizer, (w, b), target in (ours, theirs):
            optimizer.zero_grad()
            (((w * b - target) ** 2).sum() + (w**4).sum() * noise).backward()
            optimizer.step()

    def check(self, rtol: float = 1e-12) -> None:
        for ours, theirs in zip(self.ours, self.theirs, strict=True):
            assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
            np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=rtol, atol=rtol)


def steps(n: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).uniform(0, 0.02, n)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_twenty_steps_are_pytorchs(name: str, settings: dict[str, Any]) -> None:
    twins = Twins(name, settings)
    for noise in steps(20):
        twins.step(noise)
        twins.check()


@pytest.mark.parametrize("name", sorted({name for name, _ in SETTINGS}))
def test_single_precision_stays_single_precision(name: str) -> None:
    twins = Twins(name, dict(lr=0.01), "float32")
    for noise in steps(5):
        twins.step(float(noise))
        twins.check(rtol=2e-5)


@pytest.mark.parametrize("name", sorted({name for name, _ in SETTINGS}))
def test_settings_and_their_defaults_are_pytorchs(name: str) -> None:
    ours = inspect.signature(getattr(optim, name)).parameters
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    assert list(ours) == [n for n in theirs if n in ours], "settings may be given by position"
    assert theirs.keys() - ours.keys() <= {"foreach", "fused", "capturable", "differentiable"}, "how it runs there"
    assert {n: p.default for n, p in ours.items()} == {n: theirs[n].default for n in ours}


@pytest.mark.parametrize("name", sorted({name for name, _ in SETTINGS}))
@pytest.mark.parametrize("how", ["foreach", "fused", "capturable", "differentiable"])
def test_words_for_how_pytorch_runs_a_step_are_taken_where_it_has_them(name: str, how: str) -> None:
    w, cls = mx.Tensor(START), getattr(optim, name)
    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    if how not in theirs:
        with pytest.raises(OpError, match=how):
            cls([w], **{how: False})
        return
    assert (
        cls([w], **{how: theirs[how].default}).defaults
        == cls([{"params": w, how: False}]).defaults
        == cls([w]).defaults
    )
    if how in ("foreach", "fused"):
        cls([w], **{how: True})
    else:
        with pytest.raises(OpError, match=f"{how}=True is not available"):
            cls([w], **{how: True})


def test_named_parameters_are_taken_and_noted_as_pytorch_does() -> None:
    ours, theirs = nn.Linear(2, 1), torch.nn.Linear(2, 1)
    for given in (lambda model: model.named_parameters(), lambda model: [{"params": model.named_parameters()}]):
        one, other = optim.SGD(given(ours), lr=0.1), torch.optim.SGD(given(theirs), lr=0.1)
        saved = [optimizer.state_dict()["param_groups"][0] for optimizer in (one, other)]
        assert [saved[0][k] for k in ("params", "param_names")] == [saved[1][k] for k in ("params", "param_names")]
        assert optim.SGD(one.param_groups).state_dict() == one.state_dict()
        optim.SGD(ours.parameters(), lr=0.1).load_state_dict(one.state_dict())
    named, plain = next(ours.named_parameters()), ours.bias
    for mixed in ([named, plain], [plain, named], [{"params": [named]}, {"params": [plain]}]):
        with pytest.raises(OpError, match="either all parameters come with names"):
            optim.SGD(mixed)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_a_saved_state_of_pytorch_continues_here(name: str, settings: dict[str, Any]) -> None:
    twins = Twins(name, settings)
    for noise in steps(5):
        twins.step(noise)
    twins.optimizer = getattr(optim, name)(twins.ours, **settings)
    twins.optimizer.load_state_dict(copy.deepcopy(twins.oracle.state_dict()))
    for noise in steps(5):
        twins.step(noise)
        twins.check()


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedules_set_pytorchs_rates(name: str, options: dict[str, Any]) -> None:
    twins = Twins("SGD", dict(lr=0.3, momentum=0.9))
    ours = getattr(lr_scheduler, name)(twins.optimizer, **options)
    theirs = getattr(torch.optim.lr_scheduler, name)(twins.oracle, **options)
    for _ in range(25):
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-9)
        assert twins.optimizer.param_groups[0]["momentum"] == pytest.approx(twins.oracle.param_groups[0]["momentum"])
        twins.oracle.step()
        theirs.step()
        ours.step()


Made = Callable[[Any, Any], Any]  # from the module of schedules, here or there, and an optimizer


def alike(twins: Twins, make: Callable[[Any, Any], list[Any]], n: int = 20) -> None:
    """The schedules of `make`, here and in PyTorch, step one optimizer: the same rates and the same path."""
    ours = make(lr_scheduler, twins.optimizer)
    theirs = make(torch.optim.lr_scheduler, twins.oracle)
    for noise in steps(n):
        for one, other in zip(ours, theirs, strict=True):
            assert one.get_last_lr() == pytest.approx(
                [group["lr"] for group in other.optimizer.param_groups], rel=1e-9, abs=1e-12
            )
        twins.step(noise)
        twins.check(rtol=1e-9)
        for schedule in (*ours, *theirs):
            schedule.step()


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
@pytest.mark.parametrize(("other", "more"), SCHEDULES)
def test_two_schedules_of_one_optimizer(name: str, options: dict[str, Any], other: str, more: dict[str, Any]) -> None:
    twins = Twins("Adam", dict(lr=0.1))
    alike(twins, lambda at, optimizer: [getattr(at, name)(optimizer, **options), getattr(at, other)(optimizer, **more)])


TOGETHER: dict[str, Made] = {
    "chained": lambda at, o: at.ChainedScheduler([at.ConstantLR(o, 0.1, 6), at.ExponentialLR(o, 0.9)], o),
    "chained three": lambda at, o: at.ChainedScheduler(
        [at.LinearLR(o), at.CosineAnnealingLR(o, 7, 0.001), at.StepLR(o, 4, 0.5)]
    ),
    "warm-up, then cosine": lambda at, o: at.SequentialLR(
        o, [at.LinearLR(o, 0.1, total_iters=4), at.CosineAnnealingLR(o, 8)], [4]
    ),
    "three": lambda at, o: at.SequentialLR(
        o, [at.ConstantLR(o, 0.1, 20), at.LambdaLR(o, lambda t: 1 / (1 + t)), at.ExponentialLR(o, 0.9)], [3, 9]
    ),
    "the second at once": lambda at, o: at.SequentialLR(o, [at.ConstantLR(o), at.ExponentialLR(o, 0.9)], [0]),
    "sequences in a chain": lambda at, o: at.ChainedScheduler(
        [at.SequentialLR(o, [at.LinearLR(o), at.PolynomialLR(o, 12)], [5]), at.MultiStepLR(o, [7, 11], 0.5)]
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_schedules_as_one(name: str) -> None:
    alike(Twins("SGD", dict(lr=0.003, momentum=0.9)), lambda at, optimizer: [TOGETHER[name](at, optimizer)])


@pytest.mark.parametrize("name", TOGETHER)
def test_schedules_as_one_go_on_where_they_were_saved(name: str) -> None:
    straight, resumed = (optim.SGD([mx.Tensor([1.0])], lr=0.003, momentum=0.9) for _ in range(2))
    ours, again = (TOGETHER[name](lr_scheduler, optimizer) for optimizer in (straight, resumed))
    for k in range(20):
        ours.step()
        if k == 9:
            again.load_state_dict(ours.state_dict())
        elif k > 9:
            again.step()
            assert again.get_last_lr() == ours.get_last_lr()


GOES_ON = [case for case in SCHEDULES if case[0] not in {
    "OneCycleLR",  # PyTorch wants more of its groups
    "CosineAnnealingWarmRestarts",  # PyTorch takes every later epoch for one of the first wave
}]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), GOES_ON)
def test_schedules_go_on_from_a_last_epoch(name: str, options: dict[str, Any]) -> None:
    """The groups have the rate of that epoch and the one they began with."""
    twins = Twins("Adam", dict(lr=0.003))
    for optimizer in (twins.optimizer, twins.oracle):
        optimizer.param_groups[0]["initial_lr"] = 0.02
    alike(twins, lambda at, optimizer: [getattr(at, name)(optimizer, **options, last_epoch=6)], 10)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("LambdaLR", dict(lr_lambda=[lambda t: 1 / (1 + t), lambda t: 0.5**t])),
        ("LambdaLR", dict(lr_lambda=lambda t: 0.9**t, last_epoch=-1)),
        ("OneCycleLR", dict(max_lr=[0.5, 0.1], total_steps=12)),
        ("OneCycleLR", dict(max_lr=0.5, total_steps=12, base_momentum=[0.8, 0.7], max_momentum=[0.9, 0.99])),
    ],
)
def test_schedules_take_an_option_for_each_group(name: str, options: dict[str, Any]) -> None:
    twins = Twins("SGD", {})
    (w, b), (v, c) = twins.ours, twins.theirs
    ours = optim.SGD([{"params": w, "lr": 0.1}, {"params": b}], lr=0.01, momentum=0.9)
    theirs = torch.optim.SGD([{"params": v, "lr": 0.1}, {"params": c}], lr=0.01, momentum=0.9)
    one = getattr(lr_scheduler, name)(ours, **options)
    other = getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for _ in range(11):
        for key in ("lr", "momentum"):
            assert [g[key] for g in ours.param_groups] == pytest.approx([g[key] for g in theirs.param_groups], rel=1e-9)
        theirs.step()
        other.step()
        one.step()


def test_one_cycle_turns_adams_first_beta() -> None:
    twins = Twins("Adam", {})
    ours = lr_scheduler.OneCycleLR(twins.optimizer, max_lr=0.1, total_steps=10)
    theirs = torch.optim.lr_scheduler.OneCycleLR(twins.oracle, max_lr=0.1, total_steps=10)
    for noise in steps(9):
        assert twins.optimizer.param_groups[0]["betas"] == pytest.approx(twins.oracle.param_groups[0]["betas"])
        twins.step(noise)
        ours.step()
        theirs.step()
        twins.check()


@pytest.mark.parametrize("name", sorted({name for name, _ in SCHEDULES}))
def test_options_of_schedules_and_their_defaults_are_pytorchs(name: str) -> None:
    ours = inspect.signature(getattr(lr_scheduler, name)).parameters
    theirs = inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters
    assert list(ours) == list(theirs)
    assert {n: p.default for n, p in ours.items()} == {n: theirs[n].default for n in ours}


def test_groups_have_their_own_settings() -> None:
    twins = Twins("SGD", {})
    groups = ([{"params": w, "lr": 0.1}, {"params": [b], "weight_decay": 0.5}] for w, b in (twins.ours, twins.theirs))
    twins.optimizer, twins.oracle = optim.SGD(next(groups), lr=0.01), torch.optim.SGD(next(groups), lr=0.01)
    for noise in steps(5):
        twins.step(noise)
        twins.check()


def test_a_state_of_pytorch_in_bfloat16_is_taken_over() -> None:
    p = torch.tensor([1.0, -2.0], dtype=torch.bfloat16, requires_grad=True)
    theirs = torch.optim.Adam([p])
    p.sum().backward()
    theirs.step()
    ours = optim.Adam([w := mx.Tensor([1.0, -2.0])])
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(ours.state[w]["exp_avg"], theirs.state[p]["exp_avg"].float().numpy())
