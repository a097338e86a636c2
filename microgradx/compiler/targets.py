"""The languages that a form can be written in: one module per target, loaded when it is asked for.

A target is a table that says how each op of the rulebook *runs* there, never how it differentiates: the backward part
of a form is made of ops like the forward part. Its module offers

    script(form, values, steps) -> str      a complete program that starts from `values` (one per argument of the
                                            form), repeats the form `steps` times and prints the loss; those in Python
                                            read a value that is `Apart` from its file,
    function(form) -> callable              (where that is meaningful) of the raw arguments in order; it returns
                                            (outputs, {argument: gradient}) and, for a form with updates, as a third
                                            {argument: next value}; numpy and c also take arrays that stay (`Fixed`),
    suffix                                  how a file of such a program ends: ".py", ".c".

It raises CompileError for an op that its table does not have, and a MicrogradxError that says what to install where the
target's own package or compiler is missing.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

from microgradx.compiler.form import Form
from microgradx.graph import OpError

TARGETS = {
    "numpy": "microgradx.compiler.to_numpy.emit",
    "c": "microgradx.compiler.to_c.target",
    "jax": "microgradx.compiler.to_arrays.jax_target",
    "torch": "microgradx.compiler.to_arrays.torch_target",
}


class Target(Protocol):
    """What the module of a target offers; see the head of this file."""

    suffix: str

    def script(self, form: Form, values: Mapping[str, Any], steps: int) -> str:
        """A complete program that trains and prints the loss."""

    def function(self, form: Form) -> Callable[..., Any]:
        """The form as a function of its raw arguments."""


def target(name: str) -> Any:
    """The module of a target.

    Raises:
        OpError: there is none of this name.
    """
    if name not in TARGETS:
        raise OpError(f"no target is called {name!r}; the targets are {', '.join(TARGETS)}.")
    return import_module(TARGETS[name])


def runner(name: str) -> Callable[..., Callable[..., Any]]:
    """What makes a function of a form for a target: its arguments but the fixed ones in, raw results out.

    Raises:
        OpError: there is no target of this name.
    """
    module = import_module("microgradx.compiler.to_numpy.buffers") if name == "numpy" else target(name)
    found: Callable[..., Callable[..., Any]] = module.function
    return found
