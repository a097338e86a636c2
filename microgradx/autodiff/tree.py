"""Nested tuples, lists and dicts of nodes, arrays and numbers: taken apart, and put together again.

Everything that is not such a container is a leaf; None is a container that holds nothing.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

from microgradx.graph import OpError


def leaves(tree: Any) -> list[Any]:
    """The leaves of `tree`, from left to right.

    >>> leaves({"w": [1, 2], "b": (3, None)})
    [1, 2, 3]
    """
    parts = _parts(tree)
    return [tree] if parts is None else [leaf for part in parts.values() for leaf in leaves(part)]


def fill(tree: Any, new: Iterable[Any]) -> Any:
    """A tree built like `tree`, with `new` for its leaves.

    >>> fill({"w": [1, 2], "b": (3, None)}, "abc")
    {'w': ['a', 'b'], 'b': ('c', None)}
    """
    return _fill(tree, iter(new))


def matching(tree: Any, other: Any, what: str, at: str = "") -> list[Any]:
    """The leaves of `other`, which must be built like `tree`, in the order of the leaves of `tree`.

    Raises:
        OpError: the two are not built alike; the message says where.
    """
    parts, others = _parts(tree), _parts(other)
    if parts is None and others is None:
        return [other]
    if parts is None or others is None or parts.keys() != others.keys():
        raise OpError(f"{what}: expected {_built(tree)}{f' at {at}' if at else ''}, but got {_built(other)}.")
    return [leaf for key, part in parts.items() for leaf in matching(part, others[key], what, f"{at}[{key!r}]")]


def per_leaf(tree: Any, given: Any, what: str) -> list[Any]:
    """One entry of `given` for each leaf of `tree`; an entry that stands for a whole branch holds for its leaves.

    >>> per_leaf(({"w": 1, "b": 2}, 3), (0, None), "in_axes")
    [0, 0, None]
    """
    entries = None if given is None else _parts(given)
    if entries is None:
        return [given] * len(leaves(tree))
    parts = _parts(tree)
    if parts is None or parts.keys() != entries.keys():
        raise OpError(f"{what} has {_built(given)} where there is {_built(tree)}.")
    return [entry for key, part in parts.items() for entry in per_leaf(part, entries[key], what)]


def _parts(tree: Any) -> dict[Any, Any] | None:
    if isinstance(tree, dict):
        return tree
    if isinstance(tree, (tuple, list)):
        return dict(enumerate(tree))
    return {} if tree is None else None


def _fill(tree: Any, supply: Iterator[Any]) -> Any:
    parts = _parts(tree)
    if parts is None:
        return next(supply)
    new = {key: _fill(part, supply) for key, part in parts.items()}
    if isinstance(tree, dict):
        filled = copy(tree)  # keeps what kind of dict it is
        filled.update(new)
        return filled
    if tree is None:
        return None
    return type(tree)(*new.values()) if hasattr(tree, "_fields") else type(tree)(new.values())


def _built(tree: Any) -> str:
    parts = _parts(tree)
    if parts is None:
        return f"a single {type(tree).__name__}"
    if isinstance(tree, dict):
        return f"a dict with the keys {', '.join(map(repr, parts))}"
    return "None" if tree is None else f"a {type(tree).__name__} of {len(parts)}"
