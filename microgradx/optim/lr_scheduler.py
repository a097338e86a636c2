"""Schedules: each is one function from the step t = 0, 1, 2 … to the learning rate. Names and defaults are PyTorch's.

Call the schedule's `step()` after each epoch (after each batch for OneCycleLR). Every schedule sets the rate from t
alone, so only one of them can drive an optimizer at a time: a second one would overwrite what the first one set. (Where
PyTorch multiplies two of them together, take one LambdaLR of the product.)
"""

import inspect
import math
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Concatenate, ParamSpec

import numpy as np

from microgradx.graph import OpError
from microgradx.nn.module import StateError
from microgradx.optim.optimizer import Optimizer

Options = ParamSpec("Options")
Settings = dict[str, Any]
_LENGTHS = {"step_size", "T_max", "T_0", "T_mult", "total_iters", "total_steps", "epochs", "steps_per_epoch"}
_BY_GROUP = {"lr_lambda", "max_lr", "base_momentum", "max_momentum"}  # these may be lists, one entry for each group


class Scheduler:
    """Sets the learning rate of every group of an optimizer, by the rule of the subclass.

    Raises:
        OpError: options that are unknown or do not go together.

    >>> import microgradx as mx
    >>> from microgradx import optim
    >>> descent = optim.SGD([mx.Value(1.0)], lr=0.8)
    >>> halving = optim.lr_scheduler.StepLR(descent, step_size=2, gamma=0.5)
    >>> for epoch in range(4):
    ...     halving.step()
    ...     print(halving.get_last_lr())
    [0.8]
    [0.4]
    [0.4]
    [0.2]
    """

    rule: ClassVar[Callable[..., Settings]]
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, optimizer: Optimizer, *args: Any, **options: Any) -> None:
        try:
            bound = self.__signature__.bind(optimizer, *args, **options)
        except TypeError as problem:
            known = ", ".join(list(self.__signature__.parameters)[1:])
            raise OpError(f"{type(self).__name__}: {problem}; its options are {known}.") from None
        bound.apply_defaults()
        self.optimizer = optimizer
        self.options: dict[str, Any] = {name: bound.arguments[name] for name in list(bound.arguments)[1:]}
        if self.options.pop("last_epoch") != -1:
            raise OpError(
                f"{type(self).__name__}: last_epoch can only be -1, a start from the beginning; to go on with a "
                "schedule, give load_state_dict() what its state_dict() was."
            )
        groups = len(optimizer.param_groups)
        for name in _BY_GROUP & self.options.keys():
            value = self.options[name]
            several = list(value) if isinstance(value, (list, tuple)) else [value] * groups
            wanted = "functions" if name == "lr_lambda" else "numbers"
            if len(several) != groups or not all(callable(each) == (wanted == "functions") for each in several):
                raise OpError(
                    f"{type(self).__name__}: {name} takes one for all or a list, one for each of the optimizer's "
                    f"{groups} groups of parameters, of {wanted}; got {value!r}."
                )
            self.options[name] = several
        self.base_lrs: list[float] = [group["lr"] for group in optimizer.param_groups]
        for name, value in self.options.items():
            if name in _LENGTHS and value is not None and not value >= 1:
                raise OpError(f"{type(self).__name__}: {name} must be 1 or more, not {value}.")
        self.last_epoch = 0
        self._set()

    def step(self) -> None:
        """Go on to the next learning rate."""
        self.last_epoch += 1
        self._set()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group, as it is now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set(self) -> None:
        for k, (group, lr) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            own = {name: self.options[name][k] for name in _BY_GROUP & self.options.keys()}
            new = self.rule(self.last_epoch, lr, **{**self.options, **own})
            if "momentum" in new and "betas" in group:  # Adam and its kin call their momentum betas[0]
                new["betas"] = (new.pop("momentum"), *group["betas"][1:])
            if not new.keys() <= group.keys():
                raise OpError(
                    f"{type(self).__name__} cycles the momentum, but {type(self.optimizer).__name__} has none; "
                    "pass cycle_momentum=False."
                )
            group.update(new)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands: the step, the rates it started from, and its options (no functions)."""
        options = {name: np.asarray(value).tolist() for name, value in self.options.items() if name != "lr_lambda"}
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs), "options": options}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken; a warning tells when the options were others then.

        Raises:
            StateError: the optimizer had another number of groups then.
        """
        if len(state["base_lrs"]) != len(self.base_lrs):
            raise StateError(
                f"{type(self).__name__}: the optimizer has {len(self.base_lrs)} groups of parameters, "
                f"but {len(state['base_lrs'])} were saved."
            )
        saved, own = state.get("options", {}), self.state_dict()["options"]
        differ = [name for name in own if name in saved and saved[name] != own[name]]
        if differ:
            was, now = (", ".join(f"{name} = {options[name]}" for name in differ) for options in (saved, own))
            warnings.warn(
                f"{type(self).__name__} goes on with {now}, but it was saved with {was}: this training is not what an "
                "uninterrupted one with either would be.",
                stacklevel=2,
            )
        self.last_epoch, self.base_lrs = int(state["last_epoch"]), list(state["base_lrs"])
        self._set()


def schedule(
    rule: Callable[Concatenate[int, float, Options], Settings],
) -> Callable[Concatenate[Optimizer, Options], Scheduler]:
    """Make the Scheduler class whose rule is `rule(t, lr, **options)`, lr being the optimizer's own learning rate."""
    options = list(inspect.signature(rule).parameters.values())[2:]
    options.append(inspect.Parameter("last_epoch", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=-1))
    first = inspect.Parameter("optimizer", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    body = {
        "rule": staticmethod(rule),
        "__signature__": inspect.Signature([first, *options]),
        "__doc__": rule.__doc__,
        "__module__": rule.__module__,
    }
    return type(rule.__name__, (Scheduler,), body)


@schedule
def LambdaLR(t: int, lr: float, lr_lambda: Any) -> Settings:
    """The rate times any function of t; a list of functions has one for each group."""
    return {"lr": lr * lr_lambda(t)}


@schedule
def StepLR(t: int, lr: float, step_size: int, gamma: float = 0.1) -> Settings:
    """Times gamma after every `step_size` steps."""
    return {"lr": lr * gamma ** (t // step_size)}


@schedule
def MultiStepLR(t: int, lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Settings:
    """Times gamma at each of the milestones."""
    return {"lr": lr * gamma ** bisect_right(sorted(milestones), t)}


@schedule
def ExponentialLR(t: int, lr: float, gamma: float) -> Settings:
    """Times gamma at every step."""
    return {"lr": lr * gamma**t}


@schedule
def LinearLR(t: int, lr: float, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Settings:
    """A straight line from one share of the rate to another: a warm-up."""
    return {"lr": lr * (start_factor + (end_factor - start_factor) * min(t / total_iters, 1))}


@schedule
def PolynomialLR(t: int, lr: float, total_iters: int = 5, power: float = 1.0) -> Settings:
    """Down to 0 in `total_iters` steps, along a power of what is left."""
    return {"lr": lr * (1 - min(t / total_iters, 1)) ** power}


@schedule
def CosineAnnealingLR(t: int, lr: float, T_max: int, eta_min: float = 0.0) -> Settings:
    """Half a cosine wave down to `eta_min` in `T_max` steps, and up again."""
    return {"lr": _cosine(lr, eta_min, t / T_max)}


@schedule
def CosineAnnealingWarmRestarts(t: int, lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> Settings:
    """Half a cosine wave, again and again, each `T_mult` times as long. (Loshchilov & Hutter 2017.)"""
    length = T_0
    while t >= length:
        t, length = t - length, length * T_mult
    return {"lr": _cosine(lr, eta_min, t / length)}


@schedule
def OneCycleLR(
    t: int, lr: float, max_lr: Any,
    total_steps: int | None = None, epochs: int | None = None, steps_per_epoch: int | None = None,
    pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: float = 0.85,
    max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
) -> Settings:  # fmt: skip
    """Up to `max_lr` and far down again, momentum the other way round; one step per batch. (Smith & Topin 2018.)

    `max_lr`, `base_momentum` and `max_momentum` may be lists, one number for each group.
    """
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise OpError("OneCycleLR: give total_steps, or epochs and steps_per_epoch.")
    if anneal_strategy not in ("cos", "linear"):
        raise OpError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}.")
    steps = total_steps if total_steps is not None else (epochs or 0) * (steps_per_epoch or 0)
    if t > steps:
        raise OpError(f"OneCycleLR: the cycle of {steps} steps is over; make it longer with total_steps.")
    low, lowest = max_lr / div_factor, max_lr / div_factor / final_div_factor
    top = pct_start * steps - 1
    ends = [top, 2 * top, steps - 1] if three_phase else [top, steps - 1]
    rates = [low, max_lr, low, lowest] if three_phase else [low, max_lr, lowest]
    momenta = [max_momentum, base_momentum, max_momentum, max_momentum]
    k = min(bisect_left(ends, t), len(ends) - 1)  # the phase that t is in
    start = ends[k - 1] if k else 0.0
    share = (t - start) / (ends[k] - start) if ends[k] > start else 1.0
    curve = _cosine if anneal_strategy == "cos" else _line
    new = {"lr": curve(rates[k], rates[k + 1], share)}
    return new | ({"momentum": curve(momenta[k], momenta[k + 1], share)} if cycle_momentum else {})


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def _line(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
