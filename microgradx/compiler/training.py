"""`compile_step`: forward, backward and update of a model as one program.

The weights of each group of the optimizer lie one behind the other in one array, and so do their gradients and whatever
the optimizer remembers of them; `parameter.data`, `parameter.grad` and the optimizer's state are views of it. An update
that works element by element is then a few calls for all weights together.
"""

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradx.compiler.compiled import MOST, source
from microgradx.compiler.form import Form
from microgradx.compiler.joint import CompileError, differs
from microgradx.compiler.program import Recorded, agrees, as_node, follows, other, record
from microgradx.compiler.targets import runner
from microgradx.compiler.to_numpy import buffers
from microgradx.compiler.to_numpy.buffers import Fixed
from microgradx.compiler.update import Update, add_updates
from microgradx.graph import OpError, Tensor
from microgradx.graph.node import as_array
from microgradx.optim import Optimizer


@dataclass
class Program:
    """What a step on batches of one kind runs."""

    form: Form
    run: Callable[..., Any]  # the whole step; where something happens in between, forward and backward only
    finish: Callable[[], None]  # the update, in that case
    recorded: Recorded
    hidden: list[int]  # which hidden arguments are not fixed
    updates: list[Update]  # for each group of the optimizer


class CompiledStep:
    """A training step that runs as a program: `step(*inputs, target)` gives the loss and changes the parameters."""

    def __init__(
        self, model: Callable[..., Any], loss: Callable[..., Any], optimizer: Optimizer, fullgraph: bool, target: str,
        between: Callable[[], object] | None,
    ) -> None:  # fmt: skip
        if target not in ("numpy", "c"):
            raise OpError(f"a training step runs as numpy or c, not as {target!r}.")
        self.model, self.loss, self.optimizer, self.fullgraph = model, loss, optimizer, fullgraph
        self.between = between
        self.target, self.make = target, runner(target) if target == "c" else buffers.unguarded
        self.programs: dict[Any, Program | str] = {}
        self.updates: dict[tuple[Any, ...], Update] = {}  # by their parameters: programs for several batches share them
        self.traces = 0

    def __call__(self, *batch: Any) -> Any:
        """One step; the loss as a constant, and with it what else the loss function gives."""
        arrays = [a if type(a) is np.ndarray else as_array(a) for a in batch]
        key = tuple([(a.shape, a.dtype) for a in arrays])
        built = self.programs.get(key)
        if built is None or (not isinstance(built, str) and not self._still_true(built)):
            built = self._made(key, arrays)
        if isinstance(built, str):
            return self._eagerly(arrays)
        return self._run(built, arrays)

    def repeated(self, *batch: Any) -> Callable[[], Any]:
        """A function of nothing that takes a step on these very arrays whenever it is called, and gives the loss.

        With target "c" and an optimizer that remembers nothing (SGD without momentum), nothing but one C function runs,
        from the forward pass to the update: no check, no new gradients in `parameter.grad`, the loss as a float. It
        sees new numbers in the same arrays and a new learning rate, but not new arrays in `parameter.data`; one thread
        at a time may call it.
        """
        arrays = [as_array(a) for a in batch]
        if self.target == "c" and self.between is None:
            from microgradx.compiler.to_c.native import NoCompilerError, one_function

            with suppress(CompileError, NoCompilerError):
                recorded = self._record(arrays)
                if not any(recorded.changes):
                    return one_function(recorded, self.optimizer, arrays)
        return lambda: self(*arrays)

    def source(self, *batch: Any, buffers: bool = False) -> str:
        """The step for batches like this as a person would write it; with `buffers`, forward and backward as they run.

        Raises:
            CompileError: there can be no program.
        """
        recorded = self._record([as_array(a) for a in batch])
        if not buffers:
            add_updates(recorded.graph, self.optimizer)
        recorded.graph.gradients = {} if not buffers else recorded.graph.gradients
        return source(recorded.form("training step"), "step", self.make if buffers else None)

    @property
    def stats(self) -> dict[str, Any]:
        """How many programs there are, how many fit, how often the step was traced, and why it runs eagerly."""
        reasons = [each for each in self.programs.values() if isinstance(each, str)]
        return {"programs": len(self.programs) - len(reasons), "most": MOST, "traces": self.traces, "eager": reasons}

    def _still_true(self, built: Program) -> bool:
        for update in built.updates:
            if not update.still_true():
                return False
        return built.recorded.around.same()

    def _made(self, key: Any, arrays: list[Any]) -> Program | str:
        if len(self.programs) >= MOST:
            self.programs.pop(next(iter(self.programs)))
        try:
            self.programs[key] = self._build(arrays)
        except CompileError as reason:
            if self.fullgraph:
                raise
            warnings.warn(f"{reason} It runs eagerly.", stacklevel=3)
            self.programs[key] = str(reason)
        return self.programs[key]

    def _loss_of(self) -> Callable[..., Any]:
        model, loss = self.model, self.loss
        return lambda *batch: loss(model(*batch[:-1]), batch[-1])

    def _record(self, arrays: list[Any]) -> Recorded:
        leaves = [Tensor(a, requires_grad=False) for a in arrays]
        inputs = ["x"] if len(leaves) == 2 else [f"x{i}" for i in range(1, len(leaves))]
        return record(self._loss_of(), leaves, True, self.model, self.loss, names=[*inputs, "t"])

    def _build(self, arrays: list[Any]) -> Program:
        self.traces += 1
        if getattr(type(self.optimizer), "step", None) is not Optimizer.step:
            raise CompileError(f"is changed by {type(self.optimizer).__name__}, whose step is its own")
        recorded = self._record(arrays)
        graph = recorded.graph
        positions = {node: i for i, node in enumerate(graph.arguments)}
        groups = [group["params"] for group in self.optimizer.param_groups]
        used = [[p for p in group if positions.get(p) in graph.gradients] for group in groups]
        parameters = [p for group in used for p in group]
        if not parameters:
            raise CompileError("does not depend on any parameter of the optimizer")
        graph.gradients = {positions[p]: graph.gradients[positions[p]] for p in parameters}
        form = recorded.form("training step")
        names = dict(zip(graph.arguments, form.arguments, strict=True))
        fixed, updates = Fixed(), []
        for group, members in zip(self.optimizer.param_groups, used, strict=True):
            update = self.updates.get(tuple(members))
            if update is None or not update.still_true():
                update = self.updates[tuple(members)] = Update.of(self.optimizer, group, members, self.make)
            updates.append(update)
            for p, weights, gradient in update.views:
                fixed.arrays[names[p]] = weights
                fixed.gradients[names[p]] = gradient
        hidden = [i for i, node in enumerate(graph.hidden) if node not in positions or names[node] not in fixed.arrays]
        forward_and_backward = self.make(form, fixed)

        self._try_elsewhere(forward_and_backward, recorded, hidden, updates, arrays)

        refuses = graph.refuses

        def first(*arrays: Any) -> Any:
            for update in updates:
                update.take_over()
            outputs, _, _ = forward_and_backward(*arrays)
            if refuses and outputs[0] != outputs[0]:  # nan
                raise FloatingPointError("the engine says what is wrong, before anything has changed")
            for update in updates:
                update.show_gradients()
            return outputs

        def last() -> None:
            for update in updates:
                update.step()

        def whole(*arrays: Any) -> Any:
            outputs = first(*arrays)
            last()
            return outputs

        run = buffers.guarded(whole if self.between is None else first)
        return Program(form, run, buffers.guarded(last), recorded, hidden, updates)

    def _try_elsewhere(
        self, run: Callable[..., Any], recorded: Recorded, hidden: list[int], updates: list[Update], arrays: list[Any]
    ) -> None:
        """Compare with the engine on another batch: a step that reads bare data leaves them in the program."""
        others = [other(a) for a in arrays]

        def agree() -> bool:
            for update in updates:
                update.take_over()
            with np.errstate(all="ignore"):
                drawn = recorded.hidden()
                outputs, _, _ = run(*others, *(drawn[i] for i in hidden))
            recorded.around.restore()
            for update in updates:
                update.take_over()
            outputs = outputs[: len(outputs) - len(recorded.changes.new)]
            return agrees(outputs, self._loss_of(), [Tensor(a, requires_grad=False) for a in others])

        try:
            good = follows(recorded.around, agree)
        except (ArithmeticError, ValueError, IndexError):
            return  # the other batch does not fit
        finally:
            recorded.around.restore()
        if not good:
            raise differs()

    def _run(self, built: Program, arrays: list[Any]) -> Any:
        given = arrays
        if built.hidden:
            values = built.recorded.hidden()
            given = [*arrays, *(values[i] for i in built.hidden)]
        try:
            results = built.run(*given)
        except (ArithmeticError, ValueError, IndexError):
            return self._eagerly(arrays)  # the engine says what is wrong
        new, counts = built.recorded.changes
        if counts or new:
            results = self._changed(results, new, counts)
        if self.between is not None:
            self.between()
            # What it has replaced is taken over; without a gradient, or with other settings, the optimizer steps.
            if all(update.still_true() and update.take_gradients() for update in built.updates):
                built.finish()
            else:
                for update in built.updates:
                    update.hand_over_gradients()
                self.optimizer.step()
        return as_node(results[0]) if len(results) == 1 else tuple(map(as_node, results))

    @staticmethod
    def _changed(results: Any, new: Any, counts: Any) -> Any:
        """Give running statistics what they become; the other results."""
        first = len(results) - len(new)
        for (node, _), data in zip(new, results[first:], strict=True):
            node.data = data
        for node in counts:
            node.data = node.data + 1
        return results[:first]

    def _eagerly(self, arrays: list[Any]) -> Any:
        self.optimizer.zero_grad()
        batch = [Tensor(a, requires_grad=False) for a in arrays]
        found = self.loss(self.model(*batch[:-1]), batch[-1])
        several = isinstance(found, (tuple, list))
        (found[0] if several else found).backward(keep="leaves")
        if self.between is not None:
            self.between()
        self.optimizer.step()
        return tuple(each.detach() for each in found) if several else found.detach()


def compile_step(
    model: Callable[..., Any],
    loss: Callable[..., Any],
    optimizer: Optimizer,
    fullgraph: bool = False,
    target: str = "numpy",
    between: Callable[[], object] | None = None,
) -> CompiledStep:
    """A whole training step as a program: forward, backward and the optimizer's update.

    Args:
        model: of the inputs; a Module or any function.
        loss: of (the model's output, the target); one number, or a tuple that begins with it: the others are results
            too, such as the state that a recurrent model passes on.
        optimizer: of the parameters to change; its state and the parameters stay visible, and can be saved and loaded.
        fullgraph: raise a CompileError, instead of a warning, where the step has to run eagerly.
        target: what it runs as: "numpy", or "c" (see `compile`), which is the faster the smaller the arrays are.
        between: called in each step when the parameters have their gradients and the optimizer has not used them yet.
            It may replace them, as `nn.utils.clip_grad_norm_` does.

    Returns:
        `step(*inputs, target)`, which gives the loss. It computes what zero_grad, backward and step would; the last
        digits may differ where four or more products over time became one (`merges`), and where few numbers are summed.
        It leaves the gradients in `parameter.grad`.
        The program writes into arrays of its own, which parameters, gradients and the optimizer's state then share:
        copy what shall outlive the next step, as `state_dict()` does.

    >>> import microgradx as mx
    >>> w = mx.Tensor([3.0])
    >>> step = mx.compile_step(lambda x: w * x, mx.mse_loss, mx.optim.SGD([w], lr=0.5))
    >>> step([1.0], [1.0]).item(), w
    (4.0, Tensor([1.]))
    """
    return CompiledStep(model, loss, optimizer, fullgraph, target, between)
