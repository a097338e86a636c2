"""How `fit` takes its steps: eagerly, and as programs once there are enough of them to pay for making one."""

from collections.abc import Callable
from typing import Any

from microgradx.graph import GradientError
from microgradx.graph.state import now
from microgradx.nn.module import watched
from microgradx.training.callbacks import Callback

# Making a program takes as long as some 50 to 110 steps of it save, for small networks and long recurrent ones alike:
# both times grow with the number of nodes. Counted from the first epoch, so that a resumed training does the same.
EAGER_STEPS = 100


class Steps:
    """Forward, backward and update of one training, batch by batch.

    `run` is the training, with its callbacks; `compiled` says how many steps ran as programs, `reason` why others could
    not.
    """

    def __init__(self, run: Any, wanted: bool | None) -> None:
        self.run, self.wanted = run, wanted
        self.compiled, self.reason = 0, ""
        self.refused: set[Any] = set()  # shapes of batches for which there is no program
        self.step: Any = None
        self.parts: tuple[Any, ...] = ()

    def take(self, inputs: list[Any], target: Any) -> tuple[Any, Any]:
        """(the model's output, the loss); the parameters have changed."""
        shapes = (*(each.shape for each in inputs), target.shape)
        if self._pays() and shapes not in self.refused and now().usual and not watched():
            from microgradx.compiler.joint import CompileError

            try:
                loss, *output = self._program()(*inputs, target)
            except CompileError as reason:
                if self.wanted:
                    raise
                self.reason = str(reason)
                self.refused.add(shapes)
            else:
                self.compiled += 1
                self.run.compiled = True
                return output[0], loss
        return self._eagerly(inputs, target)

    def _pays(self) -> bool:
        if self.wanted is not None:
            return self.wanted
        return bool(self.run.epoch * len(self.run.data) + self.run.batch >= EAGER_STEPS)

    def _program(self) -> Callable[..., Any]:
        parts = (self.run.model, self.run.loss, self.run.optimizer)
        if not self.parts or any(a is not b for a, b in zip(parts, self.parts, strict=True)):
            from microgradx.compiler.training import compile_step

            model, loss, optimizer = self.parts = parts
            hears = any(_overrides(callback, "on_backward") for callback in self.run.callbacks)
            between = self._tell if hears else None
            self.step = compile_step(model, _WithOutput(loss), optimizer, fullgraph=True, between=between)
        return self.step  # type: ignore[no-any-return]  # a CompiledStep; its class is loaded with the first one

    def _eagerly(self, inputs: list[Any], target: Any) -> tuple[Any, Any]:
        self.run.compiled = False
        self.run.optimizer.zero_grad()
        output = self.run.model(*inputs)
        loss = self.run.loss(output, target)
        loss.backward(keep="leaves")
        self._tell()
        try:
            self.run.optimizer.step()
        except GradientError:
            raise GradientError(
                "fit: the loss gives no parameter of the optimizer a gradient; make it from those of the model "
                "that is trained, as in optim.SGD(model.parameters())."
            ) from None
        return output, loss

    def _tell(self) -> None:
        for callback in self.run.callbacks:
            callback.on_backward(self.run)


class _WithOutput:
    """A loss that hands on what it was measured on, for the metrics."""

    def __init__(self, loss: Callable[[Any, Any], Any]) -> None:
        self.loss = loss

    def __call__(self, output: Any, target: Any) -> Any:
        from microgradx.compiler.joint import CompileError

        if isinstance(output, (tuple, list, dict)):
            raise CompileError("gives several outputs, which are measured together")
        return self.loss(output, target), output


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)
