"""What every layer shares: parameters found through attributes, their names, scopes, saving and loading."""

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, Self

import numpy as np

from microgradx.graph import MicrogradxError, Node, OpError, Tensor, scope
from microgradx.graph.node import as_array
from microgradx.nn.arguments import checked


class StateError(MicrogradxError, ValueError):
    """Saved numbers do not fit where they are loaded; the message lists every name that is wrong."""


class Parameter(Tensor):
    """A tensor that training changes: as an attribute of a Module it is found by `parameters()`. Copies its data."""

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool | None = True, dtype: Any = None, name: str | None = None
    ) -> None:
        super().__init__(np.array(as_array(data, dtype)), requires_grad, name=name)


class Buffer(Tensor):
    """A tensor that is saved with its Module but not trained, such as a running mean. Copies its data."""

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool | None = False, dtype: Any = None, name: str | None = None
    ) -> None:
        super().__init__(np.array(as_array(data, dtype)), requires_grad, name=name)


class Loaded(NamedTuple):
    """What `load_state_dict(…, strict=False)` passed over."""

    missing_keys: list[str]
    unexpected_keys: list[str]


Watcher = Callable[[str, "Module", tuple[Any, ...], Any], None]


class _Running(threading.local):
    """What is being called right now, in this thread."""

    path: str = ""  # of the module whose forward runs
    root: "Module | None" = None  # the outermost of them
    watchers: tuple[Watcher, ...] = ()


_running = _Running()


class Module:
    """A layer or a model: keep Parameters and other Modules as attributes, and define `forward`.

    Lists and dicts of them count too. Calling the module runs `forward` in a scope named after the attribute,
    so that traces and pictures show `encoder.fc1` where the weights are called `encoder.fc1.weight`.

    >>> from microgradx import nn
    >>> class Neuron(nn.Module):
    ...     def __init__(self):
    ...         self.w, self.b = nn.Parameter([0.5, -1.0]), nn.Parameter(1.0)
    ...     def forward(self, x):
    ...         return x @ self.w + self.b
    >>> Neuron()([2.0, 1.0])
    Tensor(1.)
    >>> [name for name, parameter in Neuron().named_parameters()]
    ['w', 'b']
    """

    training: bool = True  # dropout and batch norm behave differently while training
    _path: str = ""  # from the outermost module to this one

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith("microgradx.nn.") and "__init__" in vars(cls):
            setattr(cls, "__init__", checked(vars(cls)["__init__"]))  # noqa: B010  # mypy forbids cls.__init__ = …

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise OpError(f"{type(self).__name__} has no forward: define what it computes as forward(self, x).")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run `forward` in the module's scope."""
        outer, root = _running.path, _running.root
        if root is None:
            _running.root = self
        elif not self._path:  # a list that has grown since it was assigned
            root._name_parts()
        name = self._path.removeprefix(f"{outer}.") if outer else self._path
        _running.path = self._path
        try:
            with scope(name) if name else nullcontext():
                output = self.forward(*inputs, **options)
        finally:
            _running.path, _running.root = outer, root
        for watcher in _running.watchers:
            watcher(self._path, self, inputs, output)
        return output

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if any(True for _ in _found(name, value)):
            self._name_parts()

    def _name_parts(self) -> None:
        """Tell every part its path from here; the outermost module is built last and has the last word."""
        for path, part in self._parts():
            if isinstance(part, Module):
                part.__dict__["_path"] = path
            else:
                part.name = path

    def _parts(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Everything below by name, in PyTorch's order: own parameters, own buffers, then child by child."""
        own = [(prefix + path, part) for name, value in vars(self).items() for path, part in _found(name, value)]
        for kind in (Parameter, Buffer):
            yield from ((path, part) for path, part in own if isinstance(part, kind))
        for path, part in own:
            if isinstance(part, Module):
                yield path, part
                yield from part._parts(f"{path}.")

    def _once(self, kind: type) -> Iterator[tuple[str, Any]]:
        seen = set()
        for path, part in self._parts():
            if isinstance(part, kind) and id(part) not in seen:
                seen.add(id(part))
                yield path, part

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """(name, parameter) of this module and all below; a shared one appears once."""
        return self._once(Parameter)

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, for an optimizer."""
        return (part for _, part in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """(name, buffer) of this module and all below."""
        return self._once(Buffer)

    def buffers(self) -> Iterator[Buffer]:
        """What is saved but not trained."""
        return (part for _, part in self.named_buffers())

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of the modules that this one holds itself."""
        own = (found for name, value in vars(self).items() for found in _found(name, value))
        return ((path, part) for path, part in own if isinstance(part, Module))

    def children(self) -> Iterator["Module"]:
        """The modules that this one holds itself."""
        return (part for _, part in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """(name, module) of this module (called "") and all below."""
        yield "", self
        yield from self._once(Module)

    def modules(self) -> Iterator["Module"]:
        """This module and all below."""
        return (part for _, part in self.named_modules())

    def apply(self, function: Callable[["Module"], object]) -> Self:
        """Call `function` on every module, children first; returns the module."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch to training behaviour (dropout drops, batch norm uses the batch); returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to the behaviour for use: nothing is random, running statistics are used; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or thaw (True) all parameters; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of all parameters and buffers, with PyTorch's names and shapes."""
        return {path: np.array(part.data) for path, part in self._parts() if isinstance(part, Tensor)}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Take over saved numbers: arrays, tensors, or what a PyTorch model's `state_dict()` gives.

        Args:
            state: name → array; each is converted to the dtype that the parameter has.
            strict: refuse names that are missing or not known; shapes must fit in any case.

        Raises:
            StateError: something does not fit; nothing was changed then.
        """
        own = {path: part for path, part in self._parts() if isinstance(part, Tensor)}
        new = {n: saved_array(v) for n, v in state.items() if n in own}
        report = Loaded([n for n in own if n not in state], [n for n in state if n not in own])
        shapes = [f"{n} is {new[n].shape}, not {own[n].shape}" for n in new if new[n].shape != own[n].shape]
        complain(
            f"the saved numbers do not fit this {type(self).__name__}",
            missing=report.missing_keys if strict else [],
            unexpected=report.unexpected_keys if strict else [],
            shapes=shapes,
        )
        for name, array in new.items():
            own[name].data = np.array(array, dtype=own[name].dtype)
        return report

    def summary(self, *inputs: Any) -> Any:
        """A table of the layers that `inputs` pass, with output shapes and numbers of parameters; print it."""
        from microgradx.nn.summary import summarise

        return summarise(self, *inputs)

    def __repr__(self) -> str:
        parts = [(path, part) for n, v in vars(self).items() for path, part in _found(n, v)]
        head = f"{type(self).__name__}({', '.join(_arguments(self))}"
        lines = [f"({path}): {part!r}".replace("\n", "\n  ") for path, part in parts if isinstance(part, Module)]
        return head + "".join(f"\n  {line}" for line in lines) + ("\n)" if lines else ")")


_PARTS = (Parameter, Buffer, Module)
ModuleList = list  # a plain list of modules is found as well; PyTorch's names for it
ModuleDict = dict


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Call `watcher(path, module, inputs, output)` after every module that runs inside: to look at activations."""
    before = _running.watchers
    _running.watchers = (*before, watcher)
    try:
        yield
    finally:
        _running.watchers = before


def watched() -> bool:
    """True inside `watching`."""
    return bool(_running.watchers)


def saved_array(saved: Any) -> np.ndarray[Any, Any]:
    """The numbers of a node, an array, or a PyTorch tensor: one that collects gradients, and of any dtype."""
    if hasattr(saved, "detach") and not isinstance(saved, Node):
        saved = saved.detach().cpu()
        try:
            return np.asarray(saved)
        except TypeError:  # NumPy has no bfloat16; float32 holds each of its numbers exactly
            return np.asarray(saved.float())
    return np.asarray(saved.data if isinstance(saved, Node) else saved)


def complain(what: str, **wrong: list[str]) -> None:
    """Raise a StateError that lists every wrong name by kind; nothing when all lists are empty."""
    listed = [f"{kind}: {', '.join(names)}" for kind, names in wrong.items() if names]
    if listed:
        raise StateError(f"{what}. {'; '.join(listed)}. Build it with the same layers and sizes as when it was saved.")


def _found(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The parts that an attribute holds: itself, or those in a list or dict."""
    if isinstance(value, _PARTS):
        yield name, value
    elif isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        yield from ((f"{name}.{key}", part) for key, part in items if isinstance(part, _PARTS))


def _arguments(module: Module) -> Iterator[str]:
    """The constructor's arguments as they were given, where the module keeps them under their own names."""
    for name, parameter in inspect.signature(type(module)).parameters.items():
        value = vars(module).get(name, parameter.default)
        if parameter.default is True:  # bias=True became the parameter `bias`, or None
            value = value is not None and value is not False
        if isinstance(value, (bool, int, float, str, tuple)) and value != parameter.default:
            yield f"{name}={value!r}"
