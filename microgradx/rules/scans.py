"""Rows: running totals and orders along one axis."""

from typing import Any

import numpy as np

from microgradx.rules.op import op
from microgradx.rules.shaping import flip

_ONE_AXIS: tuple[dict[str, Any], ...] = (dict(axis=-1), dict(axis=0))


def _argsort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    # read from the far end, so that equal elements keep their order and nan comes first
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)


def _cumargmax(x: Any, axis: int = -1) -> Any:
    x = np.moveaxis(x, axis, -1)
    new = (x == np.maximum.accumulate(x, axis=-1)) | np.isnan(x)
    places = np.maximum.accumulate(np.where(new, np.arange(x.shape[-1]), 0), axis=-1)
    return np.moveaxis(places, -1, axis)


def _argmedian(x: Any, axis: int = -1) -> Any:
    middle = np.take(_argsort(x, axis), [(x.shape[axis] - 1) // 2], axis=axis)
    unknown = np.isnan(x)  # a nan anywhere makes the median nan
    return np.where(np.any(unknown, axis, keepdims=True), np.argmax(unknown, axis, keepdims=True), middle)


cumsum = op(
    "cumsum(x, axis=-1)", lambda x, axis: np.cumsum(x, axis=axis), shapes="(n,m)", linear="x", cases=_ONE_AXIS,
    x=lambda g, axis: flip(cumsum(flip(g, axis), axis), axis),
    words=dict(x="an element is part of every later total: add up the gradients from its place to the end"),
)  # fmt: skip
# Where to look: the composites in `functional` gather the values, so the gradient goes to the places returned.
argsort = op(
    "argsort(x, axis=-1, descending=False)", _argsort, shapes="(n,m)", nondiff="x",
    cases=(dict(axis=-1), dict(axis=0, descending=True)),
)  # fmt: skip
argmedian = op("argmedian(x, axis=-1)", _argmedian, shapes="(n,m)", nondiff="x", cases=_ONE_AXIS)
cumargmax = op("cumargmax(x, axis=-1)", _cumargmax, shapes="(n,m)", nondiff="x", cases=_ONE_AXIS)
