"""What all schedules share: the step, several of them at once, saving and loading; the rules are in `lr_scheduler`."""

import inspect
import warnings
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Concatenate, ParamSpec

import numpy as np

from microgradx.graph import OpError
from microgradx.nn.module import StateError
from microgradx.optim.optimizer import Optimizer

Options = ParamSpec("Options")
Settings = dict[str, Any]
_LENGTHS = {"step_size", "T_max", "T_0", "T_mult", "total_iters", "total_steps", "epochs", "steps_per_epoch"}
_SHARES = {"factor", "start_factor", "end_factor"}
_OVERWRITE = {"LambdaLR", "CosineAnnealingWarmRestarts", "OneCycleLR"}  # the rate, whatever others made of it
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
        start = self.options.pop("last_epoch")
        for group in optimizer.param_groups if start == -1 else ():
            group.setdefault("initial_lr", group["lr"])
        if not all("initial_lr" in group for group in optimizer.param_groups):
            raise OpError(
                f"{type(self).__name__}: last_epoch {start} goes on from a rate that is in the groups already; give "
                'each group of the optimizer the "initial_lr" it began with, or leave last_epoch at -1.'
            )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        for name, value in self.options.items():
            if name in _LENGTHS and value is not None and not value >= 1:
                raise OpError(f"{type(self).__name__}: {name} must be 1 or more, not {value}.")
            if name in _SHARES and not (0 < value <= 1 or (value == 0 and name != "start_factor")):
                least = "above 0" if name == "start_factor" else "from 0"
                raise OpError(f"{type(self).__name__}: {name} is a share of the rate, {least} to 1, not {value}.")
        self.last_epoch = start + 1
        if type(self).__name__ in _OVERWRITE or not self.last_epoch:  # else the groups have the rate of last_epoch
            self._set()
        for group in optimizer.param_groups if start == -1 and "max_lr" in self.options else ():
            group["initial_lr"] = group["lr"]  # a cycle has a beginning of its own, for schedules that follow too

    def step(self) -> None:
        """Go on to the next learning rate."""
        self.last_epoch += 1
        self._set()

    def restart(self) -> None:
        """Begin again at t = 0, whatever the rate is."""
        self.last_epoch = 0
        self._set(alone=True)

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group, as it is now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def _set(self, alone: bool = False) -> None:
        for k, (group, lr) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            options = {**self.options, **{name: self.options[name][k] for name in _BY_GROUP & self.options.keys()}}
            new = self.rule(self.last_epoch, lr, **options)
            if not (alone or type(self).__name__ in _OVERWRITE):
                before = self.rule(self.last_epoch - 1, lr, **options)["lr"] if self.last_epoch else lr
                if group["lr"] != before:
                    new["lr"] = _chained(group["lr"], before, new["lr"], options.get("eta_min", 0.0))
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
        return {
            "last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs), "options": options,
            "_last_lr": self.get_last_lr(),
        }  # fmt: skip

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
        if self.last_epoch >= 0:
            self._set(alone=True)
        if "_last_lr" in state and not differ:
            for group, lr in zip(self.optimizer.param_groups, state["_last_lr"], strict=True):
                group["lr"] = lr


def _chained(now: float, before: float, alone: float, floor: float) -> float:
    """The rate `now`, which was not left at `before`, changed as one left alone is from `before` to `alone`."""
    return floor + (now - floor) * (alone - floor) / (before - floor) if before != floor else now + alone - before


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


class ChainedScheduler:
    """Several schedules of one optimizer that step as one, each changing the rate that the one before left."""

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
        self.schedulers = list(schedulers)
        if not self.schedulers or len({each.optimizer for each in self.schedulers} | ({optimizer} - {None})) > 1:
            raise OpError(f"{type(self).__name__}: schedulers is a list of one or more, all of the same optimizer.")
        self.optimizer: Optimizer = self.schedulers[0].optimizer

    def step(self) -> None:
        """Go on to the next learning rate."""
        for each in self.schedulers:
            each.step()

    def restart(self) -> None:
        """Begin again at t = 0."""
        for each in self.schedulers:
            each.restart()

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group, as it is now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Where each of the schedules stands."""
        return {"schedulers": [each.state_dict() for each in self.schedulers]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken.

        Raises:
            StateError: there were more schedules then, or fewer.
        """
        saved = state["schedulers"]
        if len(saved) != len(self.schedulers):
            raise StateError(f"{type(self).__name__}: {len(self.schedulers)} schedules, but {len(saved)} were saved.")
        for each, own in zip(self.schedulers, saved, strict=True):
            each.load_state_dict(own)


class SequentialLR(ChainedScheduler):
    """One schedule after the other: the next one takes over, at its t = 0, when t reaches a milestone.

    >>> import microgradx as mx
    >>> from microgradx.optim import SGD, lr_scheduler
    >>> descent = SGD([mx.Value(1.0)], lr=0.8)
    >>> warm, fall = lr_scheduler.ConstantLR(descent, 0.5, 9), lr_scheduler.ExponentialLR(descent, 0.5)
    >>> both = lr_scheduler.SequentialLR(descent, [warm, fall], milestones=[2])
    >>> for epoch in range(4):
    ...     print(both.get_last_lr())
    ...     both.step()
    [0.4]
    [0.4]
    [0.8]
    [0.4]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[Any], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        super().__init__(schedulers, optimizer)
        if len(milestones) != len(self.schedulers) - 1:
            raise OpError(
                f"SequentialLR: {len(self.schedulers)} schedules have {len(self.schedulers) - 1} milestones between "
                f"them, not {len(milestones)}."
            )
        self.milestones, self.last_epoch = list(milestones), last_epoch + 1
        self.schedulers[bisect_right(self.milestones, 0)].restart()

    def step(self) -> None:
        """Go on to the next learning rate, by the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self.milestones, self.last_epoch)
        if turn and self.milestones[turn - 1] == self.last_epoch:
            self.schedulers[turn].restart()
        else:
            self.schedulers[turn].step()

    def restart(self) -> None:
        """Begin again at t = 0, with the first schedule."""
        self.last_epoch = 0
        self.schedulers[bisect_right(self.milestones, 0)].restart()

    def state_dict(self) -> dict[str, Any]:
        """Where it and each of the schedules stands."""
        return {**super().state_dict(), "last_epoch": self.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict()` was taken; see ChainedScheduler."""
        super().load_state_dict(state)
        self.last_epoch = int(state["last_epoch"])
        turn = bisect_right(self.milestones, self.last_epoch)
        self.schedulers[turn].load_state_dict(state["schedulers"][turn])  # it has the last word
