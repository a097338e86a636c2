"""`GradientTape`, for people who come from TensorFlow."""

from contextlib import ExitStack
from typing import Any, Self

import numpy as np

from microgradx.autodiff.backward import like
from microgradx.autodiff.reverse import between, pull, release
from microgradx.autodiff.transforms import as_node
from microgradx.autodiff.tree import fill, leaves, matching
from microgradx.graph import GradientError, Node, differentiating, state


class GradientTape:
    """Records what is computed inside its `with` block, to differentiate it afterwards.

    Args:
        persistent: may be asked for gradients several times. Otherwise the recorded graph is released by the first
            `gradient`, and a second one is an error.

    Tensors that collect gradients are watched by themselves, constants when `watch` says so. A gradient computed
    inside the block of another tape is recorded by that one, which gives second derivatives. Unlike TensorFlow's,
    the graph goes on after the block: what is computed later from a recorded result has a gradient, too.

    >>> import microgradx as mx
    >>> x = mx.Tensor(3.0, requires_grad=False)
    >>> with mx.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x ** 2
    >>> tape.gradient(y, x)
    Tensor(6.)
    """

    def __init__(self, persistent: bool = False) -> None:
        self.persistent = persistent
        self._watched: list[Any] = []  # the constants that collect gradients while the block is open
        self._open: ExitStack | None = None
        self._used = False

    def __enter__(self) -> Self:
        if self._open is not None:
            raise GradientError("GradientTape: this tape is already recording.")
        self._used = False
        self._open = ExitStack()
        self._open.enter_context(differentiating())
        return self

    def __exit__(self, *problem: object) -> None:
        assert self._open is not None
        self._open.close()
        self._open = None
        for node in self._watched:
            node.requires_grad = False
        self._watched.clear()

    def watch(self, tensor: Any) -> None:
        """Collect gradients for a constant too (or for every node in a tree of them), inside this block.

        Raises:
            GradientError: it is not a node, holds no floats, or the block is closed.
        """
        if self._open is None:
            raise GradientError("GradientTape: watch() belongs inside the tape's with block, before the computation.")
        for node in _nodes(tensor, "watch"):
            if not node.requires_grad:
                if node.dtype.kind != "f":
                    raise GradientError(f"GradientTape: data of type {node.dtype} cannot be watched; make it float.")
                node.requires_grad = True
                self._watched.append(node)

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None) -> Any:
        """The gradient of the sum of all numbers in `target`, built like `sources`; None where there is no path.

        Args:
            target: a node, or a tree of them, computed inside the block.
            sources: the nodes to differentiate by.
            output_gradients: built like `target`: weights for that sum, 1 by default.

        Raises:
            GradientError: a second call for a tape that is not persistent.
        """
        if self._used and not self.persistent:
            raise GradientError(
                "GradientTape: a tape gives its gradients once; make it GradientTape(persistent=True) to ask again."
            )
        targets, inputs = _nodes(target, "gradient"), _nodes(sources, "gradient")
        given = [1.0] * len(targets)
        if output_gradients is not None:
            given = matching(target, output_gradients, "GradientTape: output_gradients must be built like the target")
        upstream = [_weight(y, g) for y, g in zip(targets, given, strict=True)]
        part = between(inputs, targets)
        self._used = True
        as_nodes = state.gradients and state.depth > (self._open is not None and not self.persistent)
        found = pull(part, upstream if as_nodes else [g.data for g in upstream], as_nodes)
        if not (as_nodes or self.persistent):
            release(part)
        return fill(sources, [g if g is None else as_node(x, g) for x, g in zip(inputs, found, strict=True)])


def _weight(y: Any, given: Any) -> Any:
    if not isinstance(given, Node) and np.ndim(given) == 0:  # one number weighs every element
        given = np.full(y.shape, given)
    return like(y, given, "GradientTape: the output gradient")


def _nodes(tree: Any, what: str) -> list[Any]:
    found = leaves(tree)
    for x in found:
        if not isinstance(x, Node):
            raise GradientError(
                f"GradientTape: {what}() takes nodes, not a {type(x).__name__}; make it one with Tensor(…) or Value(…)."
            )
    return found
