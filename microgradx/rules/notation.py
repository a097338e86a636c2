"""Printing an expression: Python text, the screen's text, LaTeX and MathML, with anything in its slots."""

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import escape

_SCREEN = [(re.compile(pattern), shown) for pattern, shown in (
    (r" \*\* 2(?![\d.])", "²"), (r" \*\* 3(?![\d.])", "³"), (r" \*\* (-1|\(-1\))(?![\d.])", "⁻¹"),
    (r"\.mT\b", "ᵀ"), (r" [*@] ", " · "), (r" % ", " ⊙ "), (r"(?<=[0-9.])e-0?", "e−"), (r"-", "−"), (r" >= ", " ≥ "),
    (r" <= ", " ≤ "), (r" == ", " = "), (r" != ", " ≠ "),
    (r", how=window\(\)", ""), (r"how=window\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))+)\)", r"\1"),  # its parts say it
)]  # fmt: skip


def python_text(expr: ast.expr, slots: Mapping[str, str] | None = None) -> str:
    """Python arithmetic; evaluates with `from math import *` when the slots hold numbers."""
    return filled(_unparsed(expr).replace(" % ", " * "), slots)


def _unparsed(expr: ast.expr) -> str:
    if isinstance(expr, ast.Name):  # Python's unparser takes 10 µs to begin, and most rules are a name or a 1
        return expr.id
    return repr(expr.value) if isinstance(expr, ast.Constant) and type(expr.value) is int else ast.unparse(expr)


def filled(text: str, slots: Mapping[str, str] | None) -> str:
    """The text with its slots replaced; words that only contain a slot's name, and calls of that name, stay."""
    if not slots:
        return text
    return _pattern(tuple(slots)).sub(lambda m: slots[m.group()], text)


@lru_cache
def _pattern(slots: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(slots, key=len, reverse=True))
    return re.compile(rf"(?<![\w.'])({names})(?![\w('])")


def screen_text(expr: ast.expr, slots: Mapping[str, str] | None = None) -> str:
    """What a person reads: `h1 · (1 − h1)`."""
    text = filled(_unparsed(expr), {name: f"\x00{i}\x00" for i, name in enumerate(slots)} if slots else None)
    for pattern, shown in _SCREEN:
        text = pattern.sub(shown, text)
    return re.sub("\x00(\\d+)\x00", lambda m: list((slots or {}).values())[int(m.group(1))], text)


def in_slot(text: str) -> str:
    """A name or number made safe inside a product: compound names and negative numbers get parentheses."""
    return text if _whole(text) else f"({text})"


_BETWEEN = frozenset(" ·⊙+/*-−")


def _whole(text: str) -> bool:
    """True for a single word, a call, or something already in brackets."""
    if _BETWEEN.isdisjoint(text):
        return True
    depth = 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and (c in " ·⊙+/*" or (c in "-−" and text[i - 1] != "e")):
            return False
    return True


_POWER, _UNARY, _PRODUCT, _SUM, _OTHER = 4, 3, 2, 1, 0
_RANK = dict.fromkeys((ast.Mult, ast.MatMult, ast.Mod, ast.Div), _PRODUCT)
_RANK |= {ast.Add: _SUM, ast.Sub: _SUM, ast.Pow: _POWER}
_SIGNS = {ast.Gt: ">", ast.GtE: "≥", ast.Lt: "<", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠"}
_LATEX = {
    "Add": "{a} + {b}", "Sub": "{a} - {b}", "Mult": r"{a} \cdot {b}", "MatMult": "{a} {b}", "Mod": r"{a} \odot {b}",
    "Div": r"\frac{{{a}}}{{{b}}}", "Pow": "{a}^{{{b}}}", "minus": "-{a}", "group": r"\left({a}\right)",
    "call": r"\operatorname{{{f}}}\left({a}\right)",
    "transpose": r"{a}^\top", "if": r"{a}\ \text{{if}}\ {c}\ \text{{else}}\ {b}", "index": "{a}_{{{b}}}",
    "compare": "{a} {f} {b}", "and": r"{a}\ \text{{and}}\ {b}", "or": r"{a}\ \text{{or}}\ {b}",
    "comma": ", ", "name": "{a}", "number": "{a}", "abs": r"\left|{a}\right|",
    "sqrt": r"\sqrt{{{a}}}",
}  # fmt: skip
_MATHML = {
    "Add": "{a}<mo>+</mo>{b}", "Sub": "{a}<mo>−</mo>{b}", "Mult": "{a}<mo>·</mo>{b}", "MatMult": "{a}<mo>·</mo>{b}",
    "Mod": "{a}<mo>⊙</mo>{b}",
    "Div": "<mfrac><mrow>{a}</mrow><mrow>{b}</mrow></mfrac>", "Pow": "<msup><mrow>{a}</mrow><mrow>{b}</mrow></msup>",
    "minus": "<mo>−</mo>{a}", "group": '<mo stretchy="false">(</mo>{a}<mo stretchy="false">)</mo>',
    "call": '<mi>{f}</mi><mo stretchy="false">(</mo>{a}<mo stretchy="false">)</mo>',
    "transpose": "<msup><mrow>{a}</mrow><mi>⊤</mi></msup>", "if": "{a}<mtext> if </mtext>{c}<mtext> else </mtext>{b}",
    "index": "<msub><mrow>{a}</mrow><mrow>{b}</mrow></msub>", "compare": "{a}<mo>{f}</mo>{b}",
    "and": "{a}<mtext> and </mtext>{b}", "or": "{a}<mtext> or </mtext>{b}",
    "comma": '<mo separator="true">,</mo>', "name": "<mi>{a}</mi>", "number": "<mn>{a}</mn>",
    "abs": "<mo>|</mo>{a}<mo>|</mo>", "sqrt": "<msqrt>{a}</msqrt>",
}  # fmt: skip


def latex(expr: ast.expr, slots: Mapping[str, str] | None = None) -> str:
    """The expression as LaTeX; `slots` maps a name to finished LaTeX."""
    return _marked(expr, slots or {}, _LATEX, lambda text: re.sub(r"([_#%&$])", r"\\\1", text))


def mathml(expr: ast.expr, slots: Mapping[str, str] | None = None) -> str:
    """The expression as presentation MathML (the inside of a <math> element); `slots` hold finished MathML."""
    return _marked(expr, {name: f"<mrow>{text}</mrow>" for name, text in (slots or {}).items()}, _MATHML, escape)


def _marked(expr: ast.expr, slots: Mapping[str, str], table: Mapping[str, str], clean: Callable[[str], str]) -> str:
    def at_least(rank: int, part: ast.expr) -> str:
        text = go(part)
        return table["group"].format(a=text) if _rank(part) < rank else text

    def go(e: ast.expr) -> str:
        match e:
            case ast.Name(id=name):
                return slots[name] if name in slots else table["name"].format(a=clean(name))
            case ast.Constant(value=value):
                return table["number"].format(a=value)
            case ast.UnaryOp(operand=part):
                return table["minus"].format(a=at_least(_UNARY, part))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return table["Div"].format(a=go(left), b=go(right))
            case ast.BinOp(left=left, op=sign, right=right):
                rank = _RANK[type(sign)]
                after = rank + (isinstance(sign, ast.Sub))
                b = go(right) if isinstance(sign, ast.Pow) else at_least(after, right)
                return table[type(sign).__name__].format(a=at_least(rank + (rank == _POWER), left), b=b)
            case ast.Attribute(value=part, attr="mT"):
                return table["transpose"].format(a=at_least(_POWER, part))
            case ast.IfExp(test=c, body=a, orelse=b):
                return table["if"].format(a=go(a), b=go(b), c=go(c))
            case ast.Compare(left=a, ops=[below, sign], comparators=[b, c]):
                return table["compare"].format(a=go(ast.Compare(a, [below], [b])), b=go(c), f=clean(_SIGNS[type(sign)]))
            case ast.Compare(left=a, ops=[sign], comparators=[b]):
                return table["compare"].format(a=go(a), b=go(b), f=clean(_SIGNS[type(sign)]))
            case ast.BoolOp(op=word, values=[a, b]):
                return table[type(word).__name__.lower()].format(a=go(a), b=go(b))
            case ast.Subscript(value=a, slice=b):
                return table["index"].format(a=at_least(_POWER, a), b=go(b))
            case ast.Call(func=ast.Name(id=f), args=args, keywords=keywords):
                parts = [go(a) for a in args] + [
                    table["compare"].format(a=table["name"].format(a=k.arg), b=go(k.value), f="=") for k in keywords
                ]
                text = table["comma"].join(parts)
                return table[f].format(a=text) if f in ("abs", "sqrt") else table["call"].format(f=clean(f), a=text)
        raise TypeError(f"no notation for {ast.dump(e)}")

    return go(expr)


def _rank(e: ast.expr) -> int:
    if isinstance(e, ast.BinOp):
        return _RANK[type(e.op)]
    if isinstance(e, ast.UnaryOp):
        return _SUM  # a leading minus is bracketed inside products
    return _OTHER if isinstance(e, (ast.IfExp, ast.Compare, ast.BoolOp)) else 5
