"""How a row of the rulebook is defined: `op()` checks it, names it and puts it in the book."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from importlib import import_module
from typing import Any

import numpy as np

from microgradx.graph import OpError, RuleError
from microgradx.rules.call import binary, call, unary
from microgradx.rules.checking import check_inputs, check_rule, parsed
from microgradx.rules.domains import REAL, Domain
from microgradx.rules.refusals import settings
from microgradx.rules.specialise import ieee, pull_function, raw_twin, with_defaults
from microgradx.rules.words import other_words, translate

BOOK: dict[str, Op] = {}  # the rows defined so far, by name; who asks `microgradx.rules` for BOOK gets all of them


class Rule:
    """One derivative: the function, the names it reads, and its value when it is a constant.

    `whole` is True when the rule reads `g`: it then gives the whole pull-back, not the local partial.
    """

    __slots__ = ("constant", "reads", "run", "whole")

    def __init__(self, run: Callable[..., Any], reads: tuple[str, ...]) -> None:
        self.run, self.reads, self.whole = run, reads, "g" in reads
        self.constant: float | None = None if reads else run()

    def __call__(self, known: Mapping[str, Any]) -> Any:
        """The rule applied to what it reads: raw data, or nodes (which gives more graph)."""
        return self.run(**{name: known[name] for name in self.reads})


class Op:
    """One row of the rulebook: how the op reads, how it runs, and one rule per input."""

    name: str
    form: str  # as written in the row: "sigmoid(x)" or "add(a, b) = a + b"
    inputs: tuple[str, ...]
    variadic: bool
    static: dict[str, Any]  # static parameters and their defaults
    run: Callable[..., Any]  # on NumPy arrays
    scalar: Callable[..., Any] | None  # on Python floats
    rules: dict[str, Rule]
    nondiff: frozenset[str]
    meeting: tuple[int, ...]  # the inputs that must be of one dtype; () for *xs, which all must
    linear: tuple[tuple[str, ...], ...]  # groups of inputs in which the op is linear, jointly
    elementwise: bool
    shapes: str | None
    cases: tuple[dict[str, Any], ...]
    where: dict[str, Domain]
    words: dict[str, str]  # per input, what its rule does, in words
    noop: Callable[..., bool] | None  # true when the op would return its first input unchanged
    home: str  # the module that defines the row

    _twins: dict[Any, Any]

    def __init__(self, **parts: Any) -> None:  # a dataclass, frozen, would make the import noticeably slower
        vars(self).update(parts, _twins={})

    def __repr__(self) -> str:
        return f"<op {self.form}>"

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __doc__(self) -> str:  # type: ignore[override]  # each row has its own
        return self.form

    @property
    def __signature__(self) -> inspect.Signature:
        kind = inspect.Parameter.VAR_POSITIONAL if self.variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
        rest = inspect.Parameter.KEYWORD_ONLY if self.variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
        inputs = [inspect.Parameter(n, kind) for n in self.inputs]
        return inspect.Signature([*inputs, *(inspect.Parameter(n, rest, default=d) for n, d in self.static.items())])

    @cached_property
    def notation(self) -> ast.expr | None:
        """The right-hand side of the form, when it has one."""
        _, _, notation = self.form.partition(" = ")
        return ast.parse(notation.strip(), mode="eval").body if notation else None

    @property
    def smooth(self) -> bool:
        """True when at least one input has a derivative."""
        return bool(self.rules)

    def __call__(self, *args: Any, **static: Any) -> Any:
        """Run the op on nodes, numbers or arrays and record the result as a new node."""
        n = len(self.inputs)
        if not static and len(args) == n and self.short is not None:
            result = self.short(*args)
            if result is not NotImplemented:
                return result
        if not static and len(args) == n and not self.variadic:
            static = self.static
        elif static or self.variadic or not n < len(args) <= n + len(self.static) or list in map(type, args[n:]):
            args, static = self.bind(args, static)
        else:
            args, static = args[:n], {**self.static, **dict(zip(self.static, args[n:], strict=False))}
        if static is not self.static:
            static = settings(self.name, static)
        return call(self, args, static)

    def bind(self, args: tuple[Any, ...], static: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort a call into inputs and static parameters, defaults filled in."""
        translate(self.name, other_words(self.name, (*self.inputs, *self.static)), static)
        if self.variadic:
            inputs, extra = args, ()
        else:
            inputs, extra = args[: len(self.inputs)], args[len(self.inputs) :]
            inputs += tuple(static.pop(n) for n in self.inputs[len(inputs) :] if n in static)
        given = dict(zip(self.static, extra, strict=False)) | static
        unknown = [name for name in given if name not in self.static]
        if unknown or len(extra) > len(self.static) or (not self.variadic and len(inputs) < len(self.inputs)):
            seen = [f"{len(args)} arguments", *(f"{name}=…" for name in unknown)]
            raise OpError(f"{self.name}: called with {', '.join(seen)}; it is {self.form.split(' = ')[0]}.")
        if flags := [
            n for n, v in given.items() if type(self.static[n]) is bool and not isinstance(v, (bool, np.bool_))
        ]:
            raise OpError(f"{self.name}: {flags[0]} must be True or False, not {given[flags[0]]!r}.")
        if type(given.get("axis")) is list:  # dim=[1, 2], as PyTorch's users write it
            given["axis"] = tuple(given["axis"])
        return inputs, {**self.static, **given}

    def rule_for(self, position: int) -> Rule | None:
        """The rule of the input at `position`; None for a nondiff input."""
        return self.rules.get(self.inputs[0] if self.variadic else self.inputs[position])

    def known(self, inputs: Any, output: Any, upstream: Any, static: Any, position: int) -> dict[str, Any]:
        """What a rule may read, by name."""
        named = {self.inputs[0]: list(inputs)} if self.variadic else dict(zip(self.inputs, inputs, strict=True))
        return {**named, **(static or {}), "y": output, "g": upstream, "i": position}

    def differentiable(self, inputs: tuple[Any, ...]) -> list[Any]:
        """Those of `inputs` that a gradient can flow to."""
        return [each for name, each in zip(self.inputs, inputs, strict=False) if name not in self.nondiff]

    @cached_property
    def pull_scalar(self) -> Callable[[Any, Any], None]:
        """The op's backward for Values, specialised on first use.

        It does what `apply_rule` in `autodiff` does, without its questions: the property "ways of backward"
        (`testing.properties`, run for every row by tests/properties/test_rules.py) proves the two equal.
        """
        return pull_function(self, "scalar")

    @cached_property
    def pull_array(self) -> Callable[[Any, Any], None]:
        """The op's backward for Tensors, as `pull_scalar` is for Values."""
        return pull_function(self, "array")

    @cached_property
    def push_scalar(self) -> Callable[[Any, list[Any]], Any] | None:
        """The op's forward mode for Values, specialised on first use; None where `autodiff.forward` works it out."""
        from microgradx.rules.forwards import push_function

        return push_function(self, "scalar")

    @cached_property
    def push_array(self) -> Callable[[Any, list[Any]], Any] | None:
        """The same for Tensors."""
        from microgradx.rules.forwards import push_function

        return push_function(self, "array")

    @cached_property
    def short(self) -> Callable[..., Any] | None:
        """The short way through a row of one or two inputs, its settings left at their defaults."""
        if self.variadic or self.noop or len(self.inputs) > 2:
            return None
        return (unary if len(self.inputs) == 1 else binary)(self)

    def twin(self, rule: Rule, kind: str) -> Any:
        """The rule as raw arithmetic on floats ("scalar") or arrays ("array")."""
        key = (kind, rule)
        if key not in self._twins:
            self._twins[key] = raw_twin(rule.run, kind, self.static)
        return self._twins[key]


def op(
    form: str,
    run: Callable[..., Any] | None = None,
    scalar: Callable[..., Any] | None = None,
    *,
    shapes: str | None = None,
    cases: Iterable[dict[str, Any]] = ({},),
    where: Mapping[str, Domain] | None = None,
    nondiff: str | tuple[str, ...] = (),
    linear: str | tuple[str, ...] = (),
    words: Mapping[str, str] | None = None,
    noop: Callable[..., bool] | None = None,
    **rules: Callable[..., Any],
) -> Any:
    """Define one row of the rulebook and return it, ready to call.

    Args:
        form: name, inputs and static parameters with their defaults, then optionally how it is written:
            "sigmoid(x)", "add(a, b) = a + b", "sum(x, axis=None, keepdims=False)", "concatenate(*xs, axis=0)".
        run: the op on NumPy arrays (static parameters as keywords). Left out, `op` is a decorator for it.
        scalar: the op on Python floats; by default `run` itself, called with NumPy scalars.
        shapes: None for an elementwise op (inputs broadcast); otherwise the shapes it takes, such as
            "(n,k),(k,m)->(n,m)"; "..." stands for any batch axes, numbers are fixed sizes.
        cases: static parameters to test with, one dict each (a case may carry its own "shapes").
        where: per input, the domain in which the op is defined and smooth.
        nondiff: inputs that carry no gradient (labels, masks, indices).
        linear: inputs in which the op is linear; "A B" means linear in each alone, ("A B",) jointly;
            of a variadic input, "xs" means linear in each one alone, "*xs" in all of them jointly.
        words: per input, what its rule does, as a sentence for the trace; "{A}" stands for that input's name there,
            "{y}" for the result's.
        noop: called like `run`; true when the first input would be returned unchanged.
        **rules: per input, its derivative, a function of any of: the inputs, the static parameters,
            `y` (the output), `g` (the upstream gradient), and `i` (the position, for `*xs`). A rule without
            `g` is the local partial (elementwise ops only); one with `g` is the whole pull-back.

    Raises:
        RuleError: the row is incomplete or contradicts itself; the message says how to mend it.
    """
    if run is None:
        return partial(
            op, form, scalar=scalar, shapes=shapes, cases=cases, where=where, nondiff=nondiff, linear=linear,
            words=words, noop=noop, **rules,
        )  # fmt: skip
    home = sys._getframe(1).f_globals.get("__name__", "")
    own = home.startswith("microgradx.")
    book = BOOK if own else import_module("microgradx.rules.book").BOOK  # a learner's row must differ from all of them
    name, inputs, variadic, static = parsed(form, own)
    flat = set(nondiff.split() if isinstance(nondiff, str) else nondiff)
    groups = tuple((n,) for n in linear.split()) if isinstance(linear, str) else tuple(tuple(n.split()) for n in linear)
    elementwise = shapes is None
    checked = {}
    for key, rule in rules.items():
        checked[key] = Rule(rule, check_rule(name, key, rule, (*inputs, *static), elementwise, variadic))
    check_inputs(name, inputs, checked, flat, where or {}, words or {}, groups)
    if name in book:
        raise RuleError(
            f"{name}: the rulebook already has an op of this name ({book[name].form}, in {book[name].home}); "
            "choose another name, for example my_" + name + "."
        )
    run = with_defaults(run, static)
    scalar = with_defaults(scalar, static) or (_scalar_from(run) if elementwise else None)
    smooth = tuple(k for k, n in enumerate(inputs) if n not in flat)
    row = Op(
        name=name, form=form, inputs=inputs, variadic=variadic, static=static, run=run,
        scalar=ieee(scalar, run) if scalar else None, rules=checked, nondiff=frozenset(flat), linear=groups,
        meeting=() if variadic else smooth or tuple(range(len(inputs))),
        elementwise=elementwise, shapes=shapes, cases=tuple(cases), words=dict(words or {}), noop=noop,
        where={n: (where or {}).get(n, REAL) for n in inputs},
        home=home,
    )  # fmt: skip
    book[name] = row
    return row


def forget(name: str) -> None:
    """Take a row out of the book (a learner's file that is loaded again defines it anew)."""
    BOOK.pop(name, None)


def _scalar_from(run: Callable[..., Any]) -> Callable[..., Any]:
    """A float version of an array function: slower than `math`, but right for any op."""

    def scalar(*args: Any, **static: Any) -> Any:
        with np.errstate(all="ignore"):
            return run(*map(np.float64, args), **static).item()

    return scalar
