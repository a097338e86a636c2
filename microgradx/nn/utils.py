"""What is done to the gradients of a model between backward and the optimizer's step."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from microgradx.graph import Node, OpError, Value


def clip_grad_norm_(
    parameters: Node | Iterable[Node], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients together so that their common norm is at most `max_norm`; returns the norm before.

    (Pascanu, Mikolov & Bengio 2013, algorithm 1.) With `error_if_nonfinite`, a norm of inf or nan is an OpError.
    """
    nodes = _with_gradient(parameters)
    norms = [np.linalg.norm(np.ravel(p.grad), norm_type) for p in nodes]
    norm = float(np.linalg.norm(norms, norm_type)) if norms else 0.0
    if error_if_nonfinite and not np.isfinite(norm):
        raise OpError(f"clip_grad_norm_: the norm of the gradients is {norm}.")
    factor = max_norm / (norm + 1e-6)
    if factor < 1 or np.isnan(factor):
        for p in nodes:
            p.grad = p.grad * factor
    return norm


def clip_grad_value_(parameters: Node | Iterable[Node], clip_value: float) -> None:
    """Cut every entry of every gradient off at −clip_value and clip_value."""
    for p in _with_gradient(parameters):
        cut = np.clip(p.grad, -clip_value, clip_value)
        p.grad = float(cut) if isinstance(p, Value) else cut


def _with_gradient(parameters: Node | Iterable[Node]) -> list[Any]:
    nodes = [parameters] if isinstance(parameters, Node) else list(parameters)
    return [p for p in nodes if p.grad is not None]
