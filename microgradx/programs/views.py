"""One training step of a model as a program to trace and draw: the loss as a function of the model's weights."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradx.data import TensorDataset
from microgradx.examples.registry import Program
from microgradx.graph import Tensor, scope
from microgradx.nn import Module
from microgradx.programs.errors import ProgramError


def step_of(model: Module, loss: Callable[[Any, Any], Any], X: Any, t: Any, *notes: str) -> Program:
    """The loss of `model` on the samples X with targets t; its weights become arguments called hidden_weight …"""
    owners = dict(model.named_modules())
    places = {}
    for path, parameter in list(model.named_parameters()):
        owner, _, attribute = path.rpartition(".")
        places[path.replace(".", "_")] = (owners[owner], attribute, parameter.data)

    def step(*args: Any, **options: Any) -> Any:
        given = signature.bind(*args, **options).arguments
        for name, (owner, attribute, _) in places.items():
            vars(owner)[attribute] = given[name]
        y = model(given["X"])
        with scope("loss"):
            L = loss(y, given["t"])
        return L

    names = ["X", *places, "t"]
    signature = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])
    step.__signature__ = signature  # type: ignore[attr-defined]  # a function takes any attribute
    constants = {"X": Tensor(np.asarray(X), False), "t": Tensor(np.asarray(t), False)}
    weights = {name: Tensor(np.array(data), name=name) for name, (_, _, data) in places.items()}
    return Program(step, {"X": constants["X"], **weights, "t": constants["t"]}, tuple(weights), notes)


def one_of(data: TensorDataset, sample: int) -> Any:
    """The arrays of this sample alone, each with its first axis kept.

    Raises:
        ProgramError: there is no such sample.
    """
    if not 0 <= sample < len(data):
        raise ProgramError(f"sample is a whole number from 0 to {len(data) - 1}, not {sample}.")
    return data[sample : sample + 1]
