"""The update rules: each is one function from a parameter and its gradient to the parameter's next value.

Letters: p the parameter, g its gradient, s what is remembered of this parameter from step to step (empty before the
first). Names, order and defaults of the settings are PyTorch's, and so are the names in s.
"""

from typing import Any

import numpy as np

from microgradx.graph import OpError
from microgradx.optim.optimizer import Betas, State, optimizer


@optimizer
def SGD(
    p: Any, g: Any, s: State,
    lr: float = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: float = 0, nesterov: bool = False,
) -> Any:  # fmt: skip
    """Gradient descent: a step against the gradient, or against a velocity that gathers gradients.

    (Momentum: Polyak 1964; Nesterov's form: Sutskever, Martens, Dahl & Hinton 2013.)
    """
    if nesterov and (momentum == 0 or dampening != 0):
        raise OpError("SGD: nesterov=True needs a momentum above 0 (0.9 is usual) and no dampening.")
    g = _decayed(g, p, weight_decay)
    if momentum:
        first = "momentum_buffer" not in s
        v = s["momentum_buffer"] = g if first else momentum * s["momentum_buffer"] + (1 - dampening) * g
        g = g + momentum * v if nesterov else v
    return _less(p, lr * g)


@optimizer
def Adagrad(
    p: Any, g: Any, s: State,
    lr: float = 0.01, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
    eps: float = 1e-10,
) -> Any:  # fmt: skip
    """Each weight's step shrinks with the squares of its past gradients. (Duchi, Hazan & Singer 2011.)"""
    g = _decayed(g, p, weight_decay)
    t = _count(s)
    s["sum"] = s.get("sum", initial_accumulator_value) + g * g
    return p - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s["sum"]) + eps)


@optimizer
def RMSprop(
    p: Any, g: Any, s: State,
    lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
    centered: bool = False,
) -> Any:  # fmt: skip
    """The gradient over its running root mean square. (Tieleman & Hinton 2012; centered: Graves 2013.)"""
    g = _decayed(g, p, weight_decay)
    spread = _average(s, "square_avg", g * g, alpha)
    if centered:
        spread = spread - _average(s, "grad_avg", g, alpha) ** 2
    step = g / (np.sqrt(spread) + eps)
    if momentum:
        step = s["momentum_buffer"] = momentum * s.get("momentum_buffer", 0) + step
    return p - lr * step


@optimizer
def Adadelta(
    p: Any, g: Any, s: State, lr: float = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0
) -> Any:
    """The gradient, scaled to the size of the recent steps: it needs hardly any learning rate. (Zeiler 2012.)"""
    g = _decayed(g, p, weight_decay)
    recent = np.sqrt(s.get("acc_delta", 0) + eps)
    step = g * recent / np.sqrt(_average(s, "square_avg", g * g, rho) + eps)
    _average(s, "acc_delta", step * step, rho)
    return p - lr * step


@optimizer
def Adam(
    p: Any, g: Any, s: State,
    lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False,
    *, decoupled_weight_decay: bool = False,
) -> Any:  # fmt: skip
    """The running mean of the gradient over its running root mean square. (Kingma & Ba 2015; amsgrad: Reddi 2018.)"""
    p, g = _either_decay(p, g, lr, weight_decay, decoupled_weight_decay)
    return _adam(p, g, s, lr, betas, eps, amsgrad)


@optimizer
def AdamW(
    p: Any, g: Any, s: State,
    lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False,
) -> Any:  # fmt: skip
    """Adam whose weight decay shrinks the weights directly, past the scaling. (Loshchilov & Hutter 2019.)"""
    return _adam(p * (1 - lr * weight_decay), g, s, lr, betas, eps, amsgrad)


@optimizer
def Adamax(
    p: Any, g: Any, s: State,
    lr: float = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
) -> Any:  # fmt: skip
    """Adam with the largest recent gradient in place of the root mean square. (Kingma & Ba 2015, section 7.1.)"""
    g = _decayed(g, p, weight_decay)
    t = _count(s)
    mean = _average(s, "exp_avg", g, betas[0])
    s["exp_inf"] = np.maximum(betas[1] * s.get("exp_inf", 0), np.abs(g) + eps)
    return p - lr / (1 - betas[0] ** t) * mean / s["exp_inf"]


@optimizer
def NAdam(
    p: Any, g: Any, s: State,
    lr: float = 2e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
    momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False,
) -> Any:  # fmt: skip
    """Adam that looks one step ahead, as Nesterov's momentum does. (Dozat 2016.)"""
    p, g = _either_decay(p, g, lr, weight_decay, decoupled_weight_decay)
    t = _count(s)
    now, ahead = (betas[0] * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
    s["mu_product"] = s.get("mu_product", 1.0) * now
    mean, square = _average(s, "exp_avg", g, betas[0]), _average(s, "exp_avg_sq", g * g, betas[1])
    step = (1 - now) / (1 - s["mu_product"]) * g + ahead / (1 - s["mu_product"] * ahead) * mean
    return p - lr * step / (np.sqrt(square / (1 - betas[1] ** t)) + eps)


@optimizer
def RAdam(
    p: Any, g: Any, s: State,
    lr: float = 1e-3, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
    decoupled_weight_decay: bool = False,
) -> Any:  # fmt: skip
    """Adam that trusts its scaling only once it has seen enough gradients. (Liu et al. 2020, algorithm 2.)"""
    p, g = _either_decay(p, g, lr, weight_decay, decoupled_weight_decay)
    t = _count(s)
    mean, square = _average(s, "exp_avg", g, betas[0]), _average(s, "exp_avg_sq", g * g, betas[1])
    mean = mean / (1 - betas[0] ** t)
    most = 2 / (1 - betas[1]) - 1  # the length of the average, in the long run and now
    length = most - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
    if length <= 5:
        return p - lr * mean
    trust = ((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) ** 0.5
    return p - lr * trust * mean * (1 - betas[1] ** t) ** 0.5 / (np.sqrt(square) + eps)


def _less(p: Any, step: Any) -> Any:
    """p − step, written over the step where both are arrays: fresh memory costs as much as the arithmetic."""
    if type(step) is np.ndarray and type(p) is np.ndarray and step.dtype is p.dtype and step.shape == p.shape:
        return np.subtract(p, step, out=step)
    return p - step


def _adam(p: Any, g: Any, s: State, lr: float, betas: Betas, eps: float, amsgrad: bool) -> Any:
    t = _count(s)
    mean, square = _average(s, "exp_avg", g, betas[0]), _average(s, "exp_avg_sq", g * g, betas[1])
    if amsgrad:
        square = s["max_exp_avg_sq"] = np.maximum(s.get("max_exp_avg_sq", 0), square)
    # Averages that started at 0 are too small by these factors.
    return p - lr / (1 - betas[0] ** t) * mean / (np.sqrt(square) / (1 - betas[1] ** t) ** 0.5 + eps)


def _count(s: State) -> int:
    """The number of this step: 1, 2, 3 …"""
    s["step"] = s.get("step", 0) + 1
    return s["step"]  # type: ignore[no-any-return]  # a number; the state holds arrays too


def _average(s: State, name: str, new: Any, keep: float) -> Any:
    """The running average called `name`, which keeps this share of its past at each step."""
    s[name] = keep * s.get(name, 0) + (1 - keep) * new
    return s[name]


def _decayed(g: Any, p: Any, weight_decay: float) -> Any:
    """The gradient of the loss plus ½·weight_decay·|p|²."""
    return g + weight_decay * p if weight_decay else g


def _either_decay(p: Any, g: Any, lr: float, weight_decay: float, decoupled: bool) -> tuple[Any, Any]:
    """Weight decay on the weights themselves, or through the gradient."""
    return (p * (1 - lr * weight_decay), g) if decoupled else (p, _decayed(g, p, weight_decay))
