"""Schedules: each is one function from the step t = 0, 1, 2 … to the learning rate. Names and defaults are PyTorch's.

Call the schedule's `step()` after each epoch (after each batch for OneCycleLR). Alone, a schedule sets the rate from t;
where another one changed the rate too, it multiplies what it finds, so that two of them go together as in PyTorch.
LambdaLR, CosineAnnealingWarmRestarts and OneCycleLR overwrite what they find, as they do there.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from microgradx.graph import OpError
from microgradx.optim.scheduler import ChainedScheduler, Scheduler, SequentialLR, Settings, schedule

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LambdaLR",
    "LinearLR", "MultiStepLR", "OneCycleLR", "PolynomialLR", "Scheduler", "SequentialLR", "StepLR", "schedule",
]  # fmt: skip


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
def ConstantLR(t: int, lr: float, factor: float = 1 / 3, total_iters: int = 5) -> Settings:
    """A share of the rate for `total_iters` steps, then all of it."""
    return {"lr": lr * factor if t < total_iters else lr}


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
