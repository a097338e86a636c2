"""A look at a model between two steps of its training: outputs and gradients everywhere, and nothing is changed."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import Tensor
from microgradx.graph.order import topological
from microgradx.nn import Module, watching
from microgradx.training.callbacks import Run

_STEP = re.compile(r"(.*?)\.?\bt(\d+)\b")  # recurrent.layer0.t3.lstm: time step 3 of recurrent.layer0


class Look(NamedTuple):
    """What was seen on one batch.

    `outputs` are what each layer gave, and `arriving` the gradients of the loss by them; `gradients` those by the
    parameters, before any clipping; `times` the norm of the gradient by the state h of every time step, for each
    recurrent layer; `nodes` the graph of the loss, inputs first.
    """

    outputs: dict[str, Any]
    arriving: dict[str, Any]
    gradients: dict[str, Any]
    times: dict[str, list[float]]
    nodes: list[Any]


def look(run: Run) -> Look:
    """Run the first batch of the training data forward and backward through the model as it is when used (`eval()`).

    Gradients, modes and whatever else the modules keep are put back, so that the training goes on as if unseen.
    """
    *inputs, target = (Tensor(array, False) for array in run.data.dataset[: run.data.batch_size])
    for place, each in enumerate([*inputs, target]):
        each.named("target" if each is target else f"input{place or ''}")
    seen: dict[str, Any] = {}

    def note(path: str, module: Module, _: Any, output: Any) -> None:
        if path:
            seen[path] = output[0] if isinstance(output, tuple) else output

    with _in_use(run.model) as model:
        model.zero_grad()
        with watching(note):
            loss = run.loss(model(*inputs), target)
        loss.backward()
        found = {name: np.array(p.grad) for name, p in model.named_parameters() if p.grad is not None}
    nodes = topological(loss)
    return Look(
        {path: node.data for path, node in seen.items()},
        {path: node.grad for path, node in seen.items() if node.grad is not None},
        found, _by_time(nodes), nodes,
    )  # fmt: skip


def dead_units(run: Run) -> dict[str, float]:
    """The share of units of every relu that give 0 for every sample of the training data, with the weights as they are.

    Units are on axis 1 (those of a convolution are whole maps); of a relu in a loop, the mean over its calls.
    """
    data, size = run.data.dataset, run.data.batch_size
    alive: dict[tuple[str, int], Any] = {}  # by relu and call
    with _in_use(run.model) as model:
        for start in range(0, len(data) - (size - 1 if run.data.drop_last else 0), size):
            *inputs, target = (Tensor(array, False) for array in data[start : start + size])
            calls = Counter[str]()
            for node in topological(run.loss(model(*inputs), target)):
                if node.op is not None and node.op.name == "relu" and node.ndim > 1:
                    others = tuple(axis for axis in range(node.ndim) if axis != 1)
                    place = node.scope or "relu"
                    calls[place] += 1
                    key = place, calls[place]
                    alive[key] = (node.data != 0).any(axis=others) | alive.get(key, False)
            if not alive:  # no relu in this model
                break
    shares: dict[str, list[float]] = {}
    for (place, _), each in alive.items():
        shares.setdefault(place, []).append(float(np.mean(~each)))
    return {place: float(np.mean(each)) for place, each in shares.items()}


@contextmanager
def _in_use(model: Any) -> Iterator[Any]:
    """The model as it is when used; afterwards all that its modules keep, and the gradients, are put back."""
    kept = [(module, dict(vars(module))) for module in model.modules()]
    gradients = [(p, p.grad) for p in model.parameters()]
    try:
        yield model.eval()
    finally:
        for module, attributes in kept:
            vars(module).clear()
            vars(module).update(attributes)
        for p, grad in gradients:
            p.grad = grad


def _by_time(nodes: list[Any]) -> dict[str, list[float]]:
    norms: dict[str, dict[int, float]] = {}
    for node in nodes:
        step = _STEP.match(node.scope) if node.name == "h" and node.grad is not None else None
        if step:
            norms.setdefault(step[1] or "recurrent", {})[int(step[2])] = float(np.linalg.norm(node.grad))
    return {layer: [steps[t] for t in sorted(steps)] for layer, steps in norms.items()}
