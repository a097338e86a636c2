"""What every optimizer shares: groups of parameters, the step, saving and loading; the rules are in `rules`."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Concatenate, ParamSpec

import numpy as np

from microgradx.graph import GradientError, Node, OpError, Value
from microgradx.nn.module import StateError, saved_array

State = dict[str, Any]  # what a rule remembers of one parameter
Betas = tuple[float, float]
Parameters = Iterable[Node] | Iterable[tuple[str, Node]] | Iterable[Mapping[str, Any]]
Hyper = ParamSpec("Hyper")
# How PyTorch runs a step: its result is the same, except for these, and there is one way to run it here.
_HOW = {
    "foreach": "",
    "fused": "",
    "capturable": "there are no CUDA graphs to capture the step in",
    "differentiable": "steps are not recorded in the graph; for a step to differentiate through, write p - lr * g",
}
_NEVER = {"fused": ("RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam"), "capturable": ("SGD", "Adagrad")}


class Optimizer:
    """Changes parameters along their gradients, by the rule of the subclass.

    Args:
        params: `model.parameters()` or `model.named_parameters()`, any Tensors or Values that collect gradients, or
            groups with settings of their own: `[{"params": …, "lr": 0.1}, …]`.
        The rest are the settings of the rule; see its signature. PyTorch's foreach and fused are taken too: they
            choose how it computes the same step.

    Raises:
        OpError: no parameters, an unknown setting, or a value out of its range.

    >>> import microgradx as mx
    >>> from microgradx import optim
    >>> w = mx.Value(3.0)
    >>> descent = optim.SGD([w], lr=0.1)
    >>> (w * w).backward()
    >>> descent.step()
    >>> w
    Value(2.4, grad=6.0)
    """

    rule: ClassVar[Callable[..., Any]]
    __signature__: ClassVar[inspect.Signature]

    def __init__(self, params: Parameters, *args: Any, **settings: Any) -> None:
        try:
            bound = self.__signature__.bind(params, *args, **self._what(settings))
        except TypeError as problem:
            known = ", ".join(list(self.__signature__.parameters)[1:])
            raise OpError(f"{type(self).__name__}: {problem}; its settings are {known}.") from None
        bound.apply_defaults()
        self.defaults: dict[str, Any] = {name: bound.arguments[name] for name in list(bound.arguments)[1:]}
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Any, State] = {}
        groups: list[Any] = [params] if isinstance(params, (Node, Mapping)) else list(params)
        for group in groups if groups and isinstance(groups[0], Mapping) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """More parameters, with settings of their own: `{"params": …, "lr": …}`; the others are the defaults."""
        name = type(self).__name__
        given: list[Any] = [group["params"]] if isinstance(group["params"], Node) else list(group["params"])
        pairs = [isinstance(each, tuple) and len(each) == 2 for each in given]
        params = [each[1] if pair else each for each, pair in zip(given, pairs, strict=True)]
        named = {"param_names": [p[0] for p in given]} if pairs and all(pairs) else {}
        if "param_names" in group:  # as `param_groups` has them
            named = {"param_names": list(group["param_names"])}
        if not params or not all(isinstance(p, Node) and p.is_leaf for p in params):
            raise OpError(
                f"{name} needs parameters to change: pass model.parameters(), or a list of leaves such as [w, b]."
            )
        if len({*params, *self._params()}) < len(params) + len(self._params()):
            raise OpError(f"{name}: a parameter is listed twice; it would be changed twice in each step.")
        if any(pairs) > all(pairs) or any(("param_names" in g) != bool(named) for g in self.param_groups):
            raise OpError(f"{name}: either all parameters come with names, as from model.named_parameters(), or none.")
        own = {k: v for k, v in group.items() if k not in ("params", "param_names")}
        settings = {**self.defaults, **self._what(own)}
        began = {"initial_lr": settings.pop("initial_lr")} if "initial_lr" in settings else {}  # a schedule's note
        unknown = [k for k in settings if k not in self.defaults]
        if unknown:
            raise OpError(f"{name} has no setting {', '.join(unknown)}; it has {', '.join(self.defaults)}.")
        for setting, value in settings.items():
            _check_range(name, setting, value)
        self.rule(np.ones(1), np.ones(1), {}, **settings)  # the rule itself refuses settings that do not go together
        self.param_groups.append({"params": params, **named, **settings, **began})

    def _what(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings without those that choose how PyTorch runs a step."""
        how = [each for each in settings if each in _HOW and type(self).__name__ not in _NEVER.get(each, ())]
        for setting in how:
            if settings[setting] and _HOW[setting]:
                raise OpError(f"{type(self).__name__}: {setting}=True is not available: {_HOW[setting]}.")
        return {setting: value for setting, value in settings.items() if setting not in how}

    def step(self) -> None:
        """Change every parameter that has a gradient.

        Raises:
            GradientError: none has one.
        """
        if all(p.grad is None for p in self._params()):
            raise GradientError("step: no parameter has a gradient yet; call loss.backward() first.")
        for group in self.param_groups:
            settings = {name: group[name] for name in self.defaults}
            for p in group["params"]:
                if p.grad is not None:
                    g = p.grad.data if isinstance(p.grad, Node) else p.grad
                    new = self.rule(p.data, g, self.state.setdefault(p, {}), **settings)
                    p.data = float(new) if isinstance(p, Value) else np.asarray(new, p.dtype)

    def zero_grad(self) -> None:
        """Forget all gradients: they would add up otherwise."""
        for p in self._params():
            p.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Copies of the settings and of all that is remembered, laid out as PyTorch does."""
        numbers = {p: k for k, p in enumerate(self._params())}
        return {
            "state": {k: _copied(self.state[p]) for p, k in numbers.items() if p in self.state},
            "param_groups": [{**group, "params": [numbers[p] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict()` gave, PyTorch's too (settings that microgradx does not have are passed over).

        Raises:
            StateError: other groups, other numbers of parameters or other shapes, or what another rule remembered;
                nothing was changed then.
        """
        groups, name = state["param_groups"], type(self).__name__
        sizes, saved = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if sizes != saved:
            raise StateError(f"{name}: the groups have {sizes} parameters, but the saved ones {saved}.")
        params = dict(zip([k for group in groups for k in group["params"]], self._params(), strict=True))
        new = {params[int(k)]: _copied(remembered) for k, remembered in state["state"].items()}
        settings = [
            {k: old.get(k, group.get(k)) for k in (*self.defaults, "initial_lr") if k in old or k in group}
            for group, old in zip(self.param_groups, groups, strict=True)
        ]
        for own, g in zip(settings, groups, strict=True):
            states = [new[params[k]] for k in g["params"] if params[k] in new]
            self._check_remembered({name: own[name] for name in self.defaults}, states)
        for p, remembered in new.items():
            wrong = [k for k, v in remembered.items() if isinstance(v, np.ndarray) and v.shape != p.shape]
            if wrong:
                raise StateError(f"{name}: the saved {', '.join(wrong)} of {p.name or 'a parameter'} is not {p.shape}.")
        self.state = new
        for group, own in zip(self.param_groups, settings, strict=True):
            group.update(own)

    def _check_remembered(self, settings: dict[str, Any], saved: list[State]) -> None:
        """PyTorch counts steps for every rule, and may remember None."""
        own: State = {}
        self.rule(np.ones(1), np.ones(1), own, **settings)
        for each in saved:
            names = {name for name, value in each.items() if value is not None}
            if names - {"step"} != own.keys() - {"step"} or ("step" in own and "step" not in names):
                raise StateError(
                    f"{type(self).__name__} remembers {', '.join(own) or 'nothing'} of a parameter, but "
                    f"{', '.join(sorted(names)) or 'nothing'} was saved: by another optimizer. Use the one it was "
                    "saved from, or start anew."
                )

    def _params(self) -> list[Any]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={self.param_groups[0][name]}" for name in self.defaults)
        return f"{type(self).__name__}({settings})"


def optimizer(
    rule: Callable[Concatenate[Any, Any, State, Hyper], Any],
) -> Callable[Concatenate[Parameters, Hyper], Optimizer]:
    """Make the Optimizer class whose rule is `rule(p, g, s, **settings)`, under the rule's name.

    All take `maximize` too: steps along the gradient.
    """

    def either_way(p: Any, g: Any, s: State, *, maximize: bool = False, **own: Any) -> Any:
        return rule(p, -g if maximize else g, s, **own)  # type: ignore[call-arg]  # mypy knows no names of Hyper

    up = inspect.Parameter("maximize", inspect.Parameter.KEYWORD_ONLY, default=False)
    own = list(inspect.signature(rule).parameters.values())[3:]
    settings = sorted([up, *own], key=lambda setting: setting.kind)  # by position first, then by name only
    params = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    body = {
        "rule": staticmethod(either_way),
        "__signature__": inspect.Signature([params, *settings]),
        "__doc__": rule.__doc__,
        "__module__": rule.__module__,
    }
    return type(rule.__name__, (Optimizer,), body)


def _check_range(optimizer: str, setting: str, value: Any) -> None:
    for each in value if isinstance(value, (tuple, list)) else [value]:
        if not each >= 0:
            raise OpError(f"{optimizer}: {setting} must be 0 or more, not {value}.")
        if setting in ("betas", "rho", "alpha") and each >= 1:
            raise OpError(f"{optimizer}: {setting} must be below 1 (a share of the past), not {value}.")


def _copied(remembered: Mapping[str, Any]) -> State:
    """Arrays copied and Python numbers as they are; a PyTorch tensor becomes an array, its step count a number."""
    new: State = {}
    for name, value in remembered.items():
        ours = isinstance(value, (int, float, np.ndarray, np.generic))
        array = np.array(saved_array(value))
        new[name] = value if isinstance(value, (int, float)) else array if ours or array.ndim else array.item()
    return new
