"""Do the property tests notice every small mistake in the rulebook? Break each rule in each small way and see.

    python -m tests.tools.mutate_rules            # every rule of every row
    python -m tests.tools.mutate_rules tanh conv  # some rows

Each rule lambda is changed in one operator, constant or operand at a time; the row must then fail its own
properties on a few calls. Prints the kill rate and every survivor.
"""

import ast
import copy
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import microgradx as mx
from microgradx.rules.op import Op, Rule
from microgradx.testing import check_call
from microgradx.testing.calls import Chance, OpCall, draw_call
from microgradx.testing.properties import forward_mode, gradient_shape, raw_twin
from tests.properties.conventions import CONVENTIONS
from tests.properties.test_conventions import gradients
from tests.properties.test_rules import PINNED

# Mutants that compute the same, with the reason: by op and input, the changed rules.
_EQUIVALENT = {
    "the larger (smaller) of two beats (ties with) an input exactly where that input beats (ties with) the other": {
        ("maximum", "a"): (
            "where(greater(y, b), 1.0, where(equal(a, b), 0.5, 0.0))",
            "where(greater(a, b), 1.0, where(equal(a, y), 0.5, 0.0))",
        ),
        ("maximum", "b"): (
            "where(less(a, y), 1.0, where(equal(a, b), 0.5, 0.0))",
            "where(less(a, b), 1.0, where(equal(y, b), 0.5, 0.0))",
        ),
        ("minimum", "a"): (
            "where(less(y, b), 1.0, where(equal(a, b), 0.5, 0.0))",
            "where(less(a, b), 1.0, where(equal(a, y), 0.5, 0.0))",
        ),
        ("minimum", "b"): (
            "where(greater(a, y), 1.0, where(equal(a, b), 0.5, 0.0))",
            "where(greater(a, b), 1.0, where(equal(y, b), 0.5, 0.0))",
        ),
    },
    "a comparison is already 1 or 0": {("relu", "x"): ("greater(x, 0.0)",)},
    "relu(x) is positive exactly where x is": {("relu", "x"): ("where(greater(y, 0.0), 1.0, 0.0)",)},
    "where the norm is 0 so is every x, and 0 over any number is 0": {
        ("norm2", "x"): tuple(
            f"spread(g / where(equal(y, 0.0), {one}, y), x.shape, axis, keepdims) * x" for one in (2.0, 1.001)
        )
    },
    "the engine itself gives a gradient its input's dtype": {
        ("astype", "x"): ("g", "astype(g, g.dtype)"),
        ("softmax_cross_entropy", "x"): tuple(
            f"unsqueeze(g, -1) * (softmax(x) - one_hot(t, x.shape[-1], {k}.dtype))" for k in "gt"
        ),
    },
    "a sign is 1 or -1, so dividing by it is multiplying with it": {
        ("copysign", "a"): ("sign(a) / copysign(1.0, b)",),
    },
    "a square does not see the sign": {("squash", "x"): ("s ** 2 - (m - y) ** 2",)},
    "the result has the sign of b": {("copysign", "a"): ("sign(a) * copysign(1.0, y)",)},
}
EQUIVALENT = {(*at, rule): why for why, rows in _EQUIVALENT.items() for at, rules in rows.items() for rule in rules}

_SWAPS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Add,
}  # fmt: skip
_OTHER = {
    "greater": "less", "less": "greater", "sin": "cos", "cos": "sin", "sinh": "cosh", "cosh": "sinh", "exp": "log",
    "log": "exp", "sum": "mean", "mean": "sum", "softmax": "sigmoid", "sqrt": "square", "log1p": "log",
}  # fmt: skip
_SECONDS = 10  # a mutant that takes longer counts as noticed


class Mutant(NamedTuple):
    """One changed rule."""

    op: Op
    input: str
    was: str
    now: str
    rule: Rule


def lambdas(op: Op) -> Iterator[tuple[str, ast.Lambda]]:
    """The rules of a row as written in its file."""
    module = sys.modules[op.home]
    for call in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "op" and call.args:
            form = call.args[0]
            if isinstance(form, ast.Constant) and str(form.value).split("(")[0] == op.name:
                for keyword in call.keywords:
                    if keyword.arg in op.rules and isinstance(keyword.value, ast.Lambda):
                        yield keyword.arg, keyword.value


def changes(op: Op, rule: ast.Lambda) -> Iterator[ast.Lambda]:
    """Every small change of a rule."""
    own = [a.arg for a in rule.args.args]
    names = [*own, *(n for n in (*op.inputs, "y") if n not in own)]
    for place in range(sum(1 for _ in ast.walk(rule.body))):
        for change in range(20):
            new = copy.deepcopy(rule)
            node = list(ast.walk(new.body))[place]
            other = _changed(node, change, names, own)
            if other is None:
                break
            if other is not node:
                new.body = _Replace(node, other).visit(new.body)
            read = {n.id for n in ast.walk(new.body) if isinstance(n, ast.Name)}
            new.args.args = [a for a in new.args.args if a.arg in read or a.arg == "g"]
            have = {a.arg for a in new.args.args}
            new.args.args += [ast.arg(n) for n in names if n in read and n not in have]
            if ast.dump(new) != ast.dump(rule):
                yield ast.fix_missing_locations(new)
    if not (isinstance(rule.body, ast.Constant) and rule.body.value == 0):
        yield ast.Lambda(copy.deepcopy(rule.args), ast.UnaryOp(ast.USub(), copy.deepcopy(rule.body)))


def _changed(node: ast.AST, change: int, names: list[str], own: list[str]) -> ast.AST | None:
    """The node after its change number `change`; None when there is no such change."""
    options: list[Any] = []
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in _SWAPS:
                options.append(ast.BinOp(left, _SWAPS[type(op)](), right))
            if not isinstance(op, (ast.Add, ast.Mult)):
                options.append(ast.BinOp(right, op, left))
            options += [left, right]  # the other operand is dropped
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            options.append(operand)
        case ast.Constant(value=bool(value)):
            options.append(ast.Constant(not value))
        case ast.Constant(value=int(value)):
            options += [ast.Constant(value + 1), ast.UnaryOp(ast.USub(), ast.Constant(value + 1))]
        case ast.Constant(value=float(value)):
            options += [ast.Constant(value + 1.0), ast.Constant(value * 1.001 if value else -1.0)]
        case ast.Name(id=name) if name in names:
            options += [ast.Name(n, ast.Load()) for n in names if n != name]
        case ast.Attribute(value=value, attr="mT"):
            options.append(value)
        case ast.Call(func=ast.Name(id=name), args=[argument, *_]):
            options.append(argument)  # the function is not applied
            if name in _OTHER:
                options.append(ast.Call(ast.Name(_OTHER[name], ast.Load()), node.args, node.keywords))
        case ast.IfExp(body=body, orelse=orelse):
            options += [body, orelse]
        case ast.Compare(left=left, ops=[_], comparators=[right]):
            options.append(ast.Compare(left, [ast.NotEq()], [right]))
    return options[change] if change < len(options) else None


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self._new if node is self._old else self.generic_visit(node)


def mutants(op: Op) -> Iterator[Mutant]:
    """Every mutant of every rule of a row."""
    for name, written in lambdas(op):
        seen = {_body(written)}
        for new in changes(op, written):
            text = ast.unparse(ast.fix_missing_locations(new))
            if _body(new) in seen:
                continue
            seen.add(_body(new))
            old = op.rules[name].run
            run = eval(compile(ast.Expression(ast.parse(text, mode="eval").body), "mutant", "eval"), old.__globals__)
            reads = tuple(a.arg for a in new.args.args)
            try:
                rule = Rule(run, reads)
            except Exception:  # a rule that reads nothing runs at once: this one cannot
                continue
            yield Mutant(op, name, ast.unparse(written.body), ast.unparse(new.body), rule)


def _body(rule: ast.Lambda) -> str:
    """What a rule computes; g and y have the same shape and dtype."""
    return re.sub(r"\b[gy]\.(shape|ndim|dtype)", r"g.\1", ast.unparse(rule.body))


def noticed(op: Op, calls: list[OpCall]) -> bool:
    """True when the row, as it is now, fails one of its properties."""
    try:
        with np.errstate(all="ignore"):
            for order in (1, 2):
                for call in calls:
                    check_call(call, order=order, modes=("rev",), lowest=order)
            for call in calls[:4]:
                for check in (forward_mode, raw_twin, gradient_shape):
                    check(call)
            for c in CONVENTIONS:
                if c.name == op.name:
                    for kind in (mx.Tensor, mx.Value)[: 1 + (type(c.inputs[0]) is float)]:
                        np.testing.assert_array_equal(gradients(c, kind), c.gradients)
    except Exception:
        return True
    return False


def survives(mutant: Mutant, calls: list[OpCall]) -> bool:
    """Put the mutant into its row, look, and put the right rule back."""
    op, right = mutant.op, mutant.op.rules[mutant.input]
    op.rules[mutant.input] = mutant.rule
    _forget_compiled(op)
    signal.alarm(_SECONDS)
    try:
        return not noticed(op, calls)
    finally:
        signal.alarm(0)
        op.rules[mutant.input] = right
        _forget_compiled(op)


def _forget_compiled(op: Op) -> None:
    vars(op).pop("pull_scalar", None)
    vars(op).pop("pull_array", None)


def _too_long(*_: Any) -> None:
    raise TimeoutError


def main(names: list[str]) -> int:
    """Print the kill rate and the survivors; 0 when there is none without a reason."""
    signal.signal(signal.SIGALRM, _too_long)
    began, tried, unread, survivors, excused = time.perf_counter(), 0, [], [], []
    for op in [mx.BOOK[name] for name in names] or [op for op in mx.BOOK.values() if op.smooth]:
        calls = [draw_call(op, Chance(seed)) for seed in range(6 + 2 * len(op.cases))]
        calls = [call for call in (*PINNED.get(op.name, []), *calls) if call.smooth]
        assert not noticed(op, calls), f"{op.name} fails without any mutation"
        found = list(mutants(op))
        unread += [f"{op.name}.{name}" for name in op.rules if name not in dict(lambdas(op))]
        for mutant in found:
            tried += 1
            if survives(mutant, calls):
                reason = EQUIVALENT.get((op.name, mutant.input, mutant.now))
                (excused if reason else survivors).append((mutant, reason))
    for mutant, reason in (*excused, *survivors):
        print(f"{'equivalent' if reason else 'SURVIVED'}: {mutant.op.name}, {mutant.input}: {mutant.was}")
        print(f"    as {mutant.now}" + (f"\n    {reason}" if reason else ""))
    killed = tried - len(survivors) - len(excused)
    print(f"{killed} of {tried} mutants noticed, {len(excused)} equivalent, {len(survivors)} survived", end=" ")
    print(f"({100 * killed / max(tried - len(excused), 1):.2f} %) in {time.perf_counter() - began:.0f} s")
    stale = set() if names else set(EQUIVALENT) - {(m.op.name, m.input, m.now) for m, _ in excused}
    for op_name, input_name, rule in sorted(stale):
        print(f"excused, but not there any more: {op_name}, {input_name}: {rule}")
    if unread:
        print("not written as lambdas, so not looked at:", ", ".join(unread))
    return int(bool(survivors or stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
