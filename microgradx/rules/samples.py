"""Example inputs for any row, from its shapes, cases and domains: for tables, cards and quick checks."""

import re
from typing import Any

import numpy as np

from microgradx.graph import Tensor, Value, recording
from microgradx.rules.domains import Domain
from microgradx.rules.op import Op

_LETTERS = {"n": 2, "m": 3, "k": 2}  # sizes that the letters of a shape signature get here


def sample(op: Op, case: int = 0, seed: int = 0) -> tuple[list[Any], dict[str, Any]]:
    """Leaves and static parameters that the op accepts: Values for elementwise rows, Tensors for the others."""
    rng = np.random.default_rng(seed)
    static = {**op.static, **op.cases[case]}
    signature = static.pop("shapes", op.shapes)
    if signature is None:
        return [Value(_draw(op.where[n], (), rng).item(), n not in op.nondiff, n) for n in op.inputs], static
    if signature == "value":
        return [Value(0.5, name=op.inputs[0])], static
    shapes = parse_shapes(signature, _LETTERS)
    names = [f"{op.inputs[0]}{i}" for i in range(len(shapes))] if op.variadic else list(op.inputs)
    static = {k: _sized(v) for k, v in static.items()}
    nodes = []
    for name, shape in zip(names, shapes, strict=True):
        domain = op.where[op.inputs[0] if op.variadic else name]
        nodes.append(Tensor(_draw(domain, shape, rng), name=name))
    if op.noop is not None and op.noop(*(node.data for node in nodes), **static):  # float32 gives astype work to do
        nodes = [Tensor(node.data, dtype="float32", name=node.name) for node in nodes]
    return nodes, static


def applied(op: Op, nodes: list[Any], static: dict[str, Any]) -> Any:
    """The op on its example inputs, recorded; None when it has nothing to do and returns an input itself."""
    with recording(), np.errstate(all="ignore"):
        y = op(*nodes, **static)
    return y if y.op is op else None


def parse_shapes(signature: str, sizes: dict[str, int], batch: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The input shapes of a signature such as "(...,n,k),(k)->(n)", letters replaced by their sizes."""
    shapes = []
    for group in re.findall(r"\(([^)]*)\)", signature.split("->")[0]):
        shape: tuple[int, ...] = ()
        for part in filter(None, (p.strip() for p in group.split(","))):
            shape += batch if part == "..." else (int(part) if part.isdigit() else sizes.get(part, 2),)
        shapes.append(shape)
    return shapes


def _sized(value: Any) -> Any:
    """Static parameters may name sizes by letter: (3, "m")."""
    if isinstance(value, tuple) and any(isinstance(v, str) for v in value):
        return tuple(_LETTERS[v] if isinstance(v, str) else v for v in value)
    return value


def _draw(domain: Domain, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    if domain.labels:
        size = int(domain.labels) if domain.labels.isdigit() else _LETTERS.get(domain.labels, 2)
        return rng.integers(0, size, shape)
    size = int(np.prod(shape))
    if domain.distinct and size > 1:
        return rng.permutation(np.linspace(-2.0, 2.0, size)).reshape(shape) + 0.05
    numbers = rng.uniform(domain.low, domain.high, shape)
    for kink in domain.kinks:
        numbers = np.where(np.abs(numbers - kink) < 0.2, kink + 0.4, numbers)
    numbers = np.round(np.round(numbers, 1) + 0.05, 2)
    if domain.diagonal:
        numbers += np.eye(shape[-2], shape[-1]) * (4 + 2 * np.arange(shape[-1]))
    return numbers
