"""Forward and backward of a function as one graph: run it once, and let the rules record its gradient."""

import ast
import keyword
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradx.autodiff import Edge, backward
from microgradx.graph import GradientError, Node, OpError, Tensor, Value, recording, topological
from microgradx.graph.naming import run_and_name
from microgradx.graph.notes import Changes, line_text, noting_cuts, noting_decisions, noting_refusals
from microgradx.graph.reads import noting_reads
from microgradx.rules.arithmetic import alias
from microgradx.rules.formula import constant, forward_formula, rule_formula, slots
from microgradx.rules.notation import in_slot, screen_text


class CompileError(OpError):
    """The function does something that a program made from one run could not repeat; the message says what, where."""

    def __init__(self, what: str) -> None:
        super().__init__(f"cannot compile: the function {what}.")


def decides(where: str) -> CompileError:
    return CompileError(
        f"uses the value of a node to decide something, at {where}. A program that was traced once cannot follow that; "
        "use mx.where, or run it without compiling"
    )


def differs() -> CompileError:
    return CompileError(
        "gives other numbers when it runs again than the run that was recorded says: it draws random numbers of its "
        "own, asks the clock, or takes nodes apart on the way"
    )


@dataclass
class Joint:
    """What one run of a function recorded."""

    arguments: list[Any]  # leaves: what the compiled function is called with
    outputs: list[Any]
    gradients: dict[int, Any]  # by the position of the argument; empty where there is nothing to differentiate
    forward: set[Any]  # the nodes that the function itself made
    names: dict[Any, str] = field(default_factory=dict)  # Python identifiers: the learner's, and d_… for gradients
    notes: dict[Any, str] = field(default_factory=dict)  # the rule that a node of the backward part came from
    hidden: list[Any] = field(default_factory=list)  # the last of the arguments: what the function reads unasked
    updates: dict[int, Any] = field(default_factory=dict)  # by the position of an argument: its next value
    updating: set[Any] = field(default_factory=set)  # the nodes made for that
    refuses: bool = False  # some numbers are errors, where the program has nan

    @property
    def order(self) -> list[Any]:
        """Every node that the results need, inputs first."""
        return topological(*self.outputs, *self.gradients.values(), *self.updates.values())


def joint(
    function: Callable[..., Any],
    arguments: list[Any],
    differentiate: bool = True,
    options: Mapping[str, Any] | None = None,
    outside: Callable[[Any], bool] = lambda leaf: False,
    more: bool = False,
    noted: Changes | None = None,
) -> Joint:
    """Run `function` on the leaves `arguments` and record its result together with its gradients.

    Leaves that were there before (a model's weights), and those that `outside` says live elsewhere, are arguments too,
    hidden ones: what they hold may change from call to call.

    `arguments` may hold settings beside nodes: they are passed on, and are no arguments of the graph.

    Raises:
        OpError: the function returns something else than nodes.
        CompileError: it branches on a node's value.
        GradientError: it returns several results, or no single number, and gradients are wanted; with `more`, further
            results may follow the number. What `noted` collects while the function runs becomes outputs too.
    """
    with noting_decisions() as decisions, noting_cuts() as cuts, noting_reads(), noting_refusals() as refusals:
        result, made = run_and_name(function, tuple(arguments), dict(options or {}))
    arguments = [each for each in arguments if isinstance(each, Node)]
    if decisions:
        raise decides(line_text(*decisions[0]))
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    if not outputs or not all(isinstance(each, Node) for each in outputs):
        raise OpError(f"a compiled function returns a Value or Tensor, or a tuple of them, not {result!r}.")
    for cut, node in cuts:  # what is detached still follows the numbers; only the gradient stops there
        cut.op, cut.left, cut.name = alias, node, None
    if noted is not None:  # the last outputs are what running statistics become
        outputs += [new for _, new in noted.new]
    given = set(arguments)
    inside = set(made) | given
    order = topological(*outputs)
    hidden = [n for n in order if n.op is None and (n not in inside or (n not in given and outside(n)))]
    found = Joint([*arguments, *hidden], outputs, {}, inside, hidden=hidden, refuses=bool(refusals))
    for node in (*arguments, *order):
        if node.name is not None and node not in found.names:
            name_node(found, node, node.name)
    for node in hidden:
        if node not in found.names:
            name_node(found, node, "array")
    for old, new in noted.new if noted is not None else ():
        if new not in found.names:
            name_node(found, new, f"new_{found.names[old]}")
    if differentiate and any(each.requires_grad for each in found.arguments):
        if (len(outputs) > 1 and not more) or outputs[0].size != 1:
            raise GradientError("to compile gradients, a function returns one single number.")
        if outputs[0] not in found.names:
            name_node(found, outputs[0], "L")
        _differentiate(found, outputs[0])
    return found


def _differentiate(found: Joint, output: Any) -> None:
    kept = [each.grad for each in found.arguments]
    for each in found.arguments:
        each.grad = None

    def watch(edge: Edge) -> None:
        if edge.contribution is not edge.upstream:
            found.notes.setdefault(edge.contribution, _rule(found, edge, found.names[output]))
        if edge.before is not None:
            found.notes.setdefault(edge.total, f"the sum of the paths into {_text(found, edge.input) or 'it'}")

    with recording(), np.errstate(all="ignore"):
        backward(output, create_graph=True, watcher=watch)
    for position, each in enumerate(found.arguments):
        if each.grad is not None:
            found.gradients[position] = each.grad
    for node in sorted(found.names, key=lambda n: n.op is None):  # d_z rather than d_b where both are the same
        gradient = node.grad
        if isinstance(gradient, Node) and gradient not in found.names and gradient.op is not None:
            name_node(found, gradient, f"d_{found.names[node]}")
    for each, grad in zip(found.arguments, kept, strict=True):
        each.grad = grad


def _rule(found: Joint, edge: Edge, loss: str) -> str:
    """The rule of an edge between the learner's names; between nameless results as the row has it, behind its name."""
    names = slots(edge.node.op, len(edge.node.inputs))
    formula = rule_formula(edge.node, edge.position)
    read = {each.id for each in ast.walk(formula) if isinstance(each, ast.Name)}
    texts = {"y": _text(found, edge.node)}
    texts |= {name: _text(found, node) for name, node in zip(names, edge.node.inputs, strict=True)}
    y, x, head = texts["y"], texts[names[edge.position]], ""
    if y and y == x:
        return ""
    if not (y and x and all(texts.get(name, name) for name in read)):
        texts = {}
        y, x, head = "y", names[edge.position], f"{edge.node.op.name}: "
    known = {name: text for name, text in texts.items() if text} | ({"g": f"∂{loss}/∂{y}"} if texts else {})
    left = f"∂{y}/∂{x}" if edge.local is not None else f"∂{loss}/∂{x}"
    return f"{head}{left} = {screen_text(formula, known)}"


def descend(found: Joint, chosen: Iterable[int]) -> None:
    """Add plain gradient descent to the graph: a further argument `lr`, and next values for the chosen arguments."""
    lr = Value(1.0, requires_grad=False)
    name_node(found, lr, "lr")
    with recording(sources=True) as made:
        for position in chosen:
            p, g = found.arguments[position], found.gradients[position]
            found.updates[position] = p - lr * g
    found.updating |= set(made)
    found.arguments.append(lr)


def _text(found: Joint, node: Any) -> str:
    """How the rules' comments call a node: by its name, its number, or its formula over names; "" when too long."""
    if node in found.names or node.op is None:
        return found.names.get(node) or (screen_text(constant(node.item())) if node.size == 1 else "")
    if node.op.shapes == "value":  # a number among arrays is still that number
        return _text(found, node.inputs[0])
    inputs = [found.names.get(each) or found.names.get(_number(each)) or "" for each in node.inputs]
    if "" in inputs:
        return ""
    return in_slot(screen_text(forward_formula(node), dict(zip(slots(node.op, len(inputs)), inputs, strict=True))))


def _number(node: Any) -> Any:
    return node.inputs[0] if node.op is not None and node.op.shapes == "value" else node


def name_node(found: Joint, node: Any, name: str) -> None:
    """Call a node by a valid and unused identifier near `name`."""
    word = "".join(c if c.isalnum() or c == "_" else "_" for c in name).strip("_") or "v"
    word = f"{'layer' if '.' in name else 'v'}{word}" if word[0].isdigit() else word
    taken, plain, count = set(found.names.values()) | _RESERVED, word, 1
    while word in taken:
        count += 1
        word = f"{plain}_{count}"
    found.names[node] = word


_RESERVED = {"np", "jnp", "jax", "torch", "math", "step", *keyword.kwlist}


def leaf(value: Any, name: str) -> Any:
    """An argument of the traced run: a fresh leaf with the data of `value`."""
    if isinstance(value, (Value, Tensor)):
        return type(value)(value.data, requires_grad=value.requires_grad, name=name)
    return Value(value, name=name) if isinstance(value, (int, float)) else Tensor(value, name=name)
