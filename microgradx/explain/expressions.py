"""An expression typed by a learner, `sigmoid(w*x + b)`, as a function: parsed by a whitelist, never run as code."""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Collection
from functools import partial, reduce
from types import ModuleType
from typing import Any

from microgradx import functional
from microgradx.graph import MicrogradxError, Node
from microgradx.rules import BOOK

_ALLOWED = (
    "An expression may have numbers, the names given by --at, + - * / ** @, comparisons, and, or, not, a if c else b, "
    "parentheses, and calls of ops by name, such as sigmoid(w*x + b)"
)
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.MatMult: functional.matmul,
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: functional.logical_not,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: functional.greater, ast.GtE: functional.greater_equal, ast.Lt: functional.less,
    ast.LtE: functional.less_equal, ast.Eq: BOOK["equal"], ast.NotEq: functional.not_equal,
}  # fmt: skip
_LOGIC: dict[type[ast.boolop], Callable[[Any, Any], Any]] = {
    ast.And: functional.logical_and, ast.Or: functional.logical_or,
}  # fmt: skip


class ExpressionError(MicrogradxError, ValueError):
    """An expression has something in it that is not allowed, or does not fit together."""


def known_ops() -> dict[str, Any]:
    """What an expression may call: every public function and every row, by either's words; max and min as in Python."""
    public = {name: getattr(functional, name) for name in functional.__all__}
    two = {name for name in public.keys() & BOOK.keys() if public[name] is not BOOK[name]}
    public |= {name: partial(_either, public[name], BOOK[name]) for name in two}
    public |= {"max": partial(_extreme, functional.max, functional.maximum)}
    public |= {"min": partial(_extreme, functional.min, functional.minimum)}
    added = {name: op for name, op in BOOK.items() if not op.home.startswith("microgradx.")}
    return {n: f for n, f in (BOOK | public | added).items() if callable(f) and not isinstance(f, (type, ModuleType))}


def _either(public: Callable[..., Any], row: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The public function; or, where that refuses, its row, for traces print what ran: stack(a, b), pad(x, pads=…)."""
    try:
        return public(*args, **options)
    except (MicrogradxError, TypeError) as problem:
        try:
            return row(*args, **options)
        except (MicrogradxError, TypeError, ValueError, ArithmeticError, LookupError):
            raise problem from None


def _extreme(within: Callable[..., Any], of_two: Callable[[Any, Any], Any], *args: Any, **options: Any) -> Any:
    """The extreme of one array; or of several arguments, compared two at a time."""
    if len(args) > 1 and not options:
        return reduce(of_two, args)
    found = within(*args, **options)
    return found[0] if isinstance(found, tuple) else found  # along an axis there are also the places


def names_in(text: str) -> set[str]:
    """The names that an expression uses, those of ops left out; an ExpressionError when it cannot be read."""
    tree = _parsed(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def expression(text: str, names: Collection[str]) -> Callable[..., Any]:
    """The function of `names` (in that order) that computes the expression.

    Raises:
        ExpressionError: now, for anything outside the whitelist, an unknown name, or a name of `names` that is not
            used; when called, for parts that do not fit together, such as `sigmoid(x, x, x)`.
    """
    tree = _parsed(text)
    used = names_in(text)
    ops = known_ops()
    _check(tree, names, ops)
    unused = [name for name in names if name not in used]
    if unused:
        raise ExpressionError(f"--at gives {', '.join(unused)}, but {text!r} has no such name.")

    def function(*values: Any) -> Any:
        return _value(tree, dict(zip(names, values, strict=True)), ops)

    function.__name__ = text
    return function


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        reason = getattr(problem, "msg", None) or "it is nested too deeply"
        raise ExpressionError(f"{text!r} cannot be read as an expression: {reason}. {_ALLOWED}.") from None


def _check(node: ast.expr, names: Collection[str], ops: dict[str, Any], argument: bool = False) -> None:
    """Refuse whatever is not on the list; `argument` is True directly inside a call."""
    match node:
        case ast.Constant(value=bool() | str() | None) if argument:
            pass
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            pass
        case ast.Name(id=name):
            if name not in names:
                raise ExpressionError(_unknown(name, names, ops))
        case ast.UnaryOp(op=sign, operand=part) if type(sign) in _UNARY:
            _check(part, names, ops)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            _check(left, names, ops)
            _check(right, names, ops)
        case ast.Compare(left=left, ops=signs, comparators=others) if all(type(sign) in _COMPARE for sign in signs):
            for part in (left, *others):
                _check(part, names, ops)
        case ast.BoolOp(values=parts):
            for part in parts:
                _check(part, names, ops)
        case ast.IfExp(test=test, body=one, orelse=other):
            for part in (test, one, other):
                _check(part, names, ops)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) if argument:
            for part in parts:
                _check(part, names, ops, argument=True)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if all(k.arg for k in keywords):
            if name not in ops:
                near = difflib.get_close_matches(name, ops, n=2, cutoff=0.6)
                hint = f"Did you mean {' or '.join(near)}? " if near else ""
                raise ExpressionError(f"{name} is not an op of the rulebook. {hint}See: microgradx ops. {_ALLOWED}.")
            for part in (*args, *(k.value for k in keywords)):
                _check(part, names, ops, argument=True)
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} is not allowed here. {_ALLOWED}.")


def _unknown(name: str, names: Collection[str], ops: dict[str, Any]) -> str:
    if name in ops:
        return f"{name} is an op: call it, as in {name}(x). {_ALLOWED}."
    given = f" (only {', '.join(names)} {'have' if len(names) > 1 else 'has'} one)" if names else ""
    return f"{name} has no value{given}: give it one with --at {name}=…. {_ALLOWED}."


def _value(node: ast.expr, values: dict[str, Any], ops: dict[str, Any]) -> Any:
    """The checked expression, computed with our own ops."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=sign, operand=part):
            return _fitting(node, _UNARY[type(sign)], _value(part, values, ops))
        case ast.BinOp(left=left, op=sign, right=right):
            a, b = _value(left, values, ops), _value(right, values, ops)
            if not isinstance(a, Node) and not isinstance(b, Node):
                a, b = _number(a), _number(b)  # whole numbers could grow without end: 9**9**9
            return _fitting(node, _BINARY[type(sign)], a, b)
        case ast.Compare(left=left, ops=signs, comparators=others):
            sides = [_value(part, values, ops) for part in (left, *others)]
            pairs = zip(signs, sides, sides[1:], strict=False)
            return reduce(functional.logical_and, [_fitting(node, _COMPARE[type(s)], a, b) for s, a, b in pairs])
        case ast.BoolOp(op=sign, values=parts):
            return reduce(partial(_fitting, node, _LOGIC[type(sign)]), [_value(part, values, ops) for part in parts])
        case ast.IfExp(test=test, body=one, orelse=other):
            return _fitting(node, functional.where, *(_value(part, values, ops) for part in (test, one, other)))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part, values, ops) for part in parts]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            given = {str(k.arg): _value(k.value, values, ops) for k in keywords}
            return _fitting(node, ops[name], *(_value(part, values, ops) for part in args), **given)
    raise AssertionError(f"unchecked: {ast.dump(node)}")


def _fitting(node: ast.expr, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The call, with Python's own complaints told in terms of the expression."""
    try:
        result = function(*args, **options)
    except MicrogradxError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as problem:
        form = getattr(function, "form", "")
        hint = f"; the op is {form}" if form else ""
        raise ExpressionError(f"{ast.unparse(node)!r} cannot be computed: {problem.args[-1]}{hint}.") from problem
    if isinstance(result, complex):
        raise ExpressionError(f"{ast.unparse(node)!r} is not a real number.")
    return result


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) else value
