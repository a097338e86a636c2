"""The words in a picture: names, numbers, op symbols, and how they are made safe for DOT."""

import ast
import re
from collections.abc import Container
from typing import Any

import numpy as np

from microgradx.graph import Node
from microgradx.rules.formula import forward_formula
from microgradx.rules.names import display_names
from microgradx.rules.notation import screen_text
from microgradx.rules.numbers import rounded, shown

_LONGEST_FORMULA = 16  # a nameless value is called by its formula up to this many characters
_LONGEST_SETTING = 24  # what an op is told (axis=0) is left to the tooltip beyond this
_LONGEST = 32  # anything longer is cut here and stands whole in the tooltip
_ROWS, _COLUMNS = 4, 4  # an array of at most this size is written out
_SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "−", ast.Mult: "×", ast.Mod: "⊙", ast.Div: "÷", ast.MatMult: "@", ast.Pow: "^",
}  # fmt: skip
_FIGURE_SPACE = "\u2007"  # as wide as a digit


def names_of(order: list[Any], folded: Container[Any] = ()) -> dict[Any, str]:
    """A label for every node, as in the trace, with shorter formulas."""
    return {node: name.text for node, name in display_names(order, _LONGEST_FORMULA, folded).items()}


def symbol(node: Any) -> str:
    """What stands in the circle of the node's op: its sign or its name, static parameters under it."""
    written = forward_formula(node)
    match written:
        case ast.BinOp(op=ast.Pow(), right=ast.expr() as exponent) if len(node.inputs) == 1:
            return f"^{screen_text(exponent)}"
        case ast.BinOp(op=sign):
            return _SYMBOLS.get(type(sign), str(node.op.name))
        case ast.Subscript(slice=key):
            given = [f"[{_tight(key)}]"]
        case ast.Call(keywords=keywords):
            given = [line for each in keywords for line in _setting(str(each.arg), _tight(each.value))]
        case _:
            given = []
    return "\n".join([node.op.name, *(line for line in given if 0 < len(line) <= _LONGEST_SETTING)])


def _tight(expr: ast.expr) -> str:
    return screen_text(expr).replace(", ", ",")


def _setting(name: str, text: str) -> list[str]:
    """axis=0; a convolution's how=window(stride=(2,2),padding=…) takes a line for each of its parts."""
    parts = re.fullmatch(r"window\((.*)\)", text)
    return re.split(r",(?=[a-z]+=)", parts[1]) if parts else [f"{name}={text}"]


def numbers(data: Any) -> str:
    """A number; a small array row by row; or the smallest, mean and largest element."""
    array = np.asarray(data)
    if array.ndim == 0:
        return shown(float(array))
    if array.size == 0:
        return "empty"
    table = array.reshape(-1, array.shape[-1])
    if table.shape[0] <= _ROWS and table.shape[1] <= _COLUMNS:
        return "\n".join(_aligned(table))
    array = array.astype(float)
    with np.errstate(all="ignore"):
        facts = [("min", array.min()), ("mean", array.mean()), ("max", array.max())]
    return "\n".join(f"{word} {shown(float(fact))}" for word, fact in facts)


def is_rounded(data: Any) -> bool:
    """True when `numbers` leaves digits out."""
    if data is None or isinstance(data, tuple):
        return False
    return any(rounded(x) != x == x for x in np.asarray(data, float).ravel()[: _ROWS * _COLUMNS].tolist())


def _aligned(table: Any) -> list[str]:
    texts = [[shown(float(x)) for x in row] for row in table]
    widest = max(len(text) for row in texts for text in row)
    return [" ".join(text.rjust(widest, _FIGURE_SPACE) for text in row) for row in texts]


def shape(node: Any) -> str:
    """(2,4): the shape of a tensor; nothing for a single number."""
    return f"({','.join(map(str, node.shape))})" if node.shape else ""


def tooltip(node: Any, name: str, gradient: Any) -> str:
    """Everything about a value, in full precision, for the mouse that rests on it."""
    lines = [f"{name} {shape(node)}".rstrip()]
    if node.op is not None:
        lines.append(f"op {node.op.form}")
    if not node.shape:
        lines.append(f"data {float(node.data)!r}")
    elif node.dtype != np.float64:
        lines.append(f"dtype {node.dtype}")
    if gradient is not None and not node.shape:
        lines.append(f"grad {float(gradient)!r}")
    if node.scope:
        lines.append(f"scope {node.scope}")
    if node.source is not None:
        lines.append("{}:{}".format(re.split(r"[/\\]", node.source[0])[-1], node.source[1]))
    return "\n".join(lines)


def op_tooltip(node: Any) -> str:
    """The op with all its static parameters."""
    return "\n".join([node.op.form, *(f"{key} = {value}" for key, value in (node.static or {}).items())])


def exact(gradient: Any) -> str:
    """A number in full precision, or the summary of an array."""
    return "none" if gradient is None else repr(float(gradient)) if np.ndim(gradient) == 0 else numbers(gradient)


def plain(data: Any) -> Any:
    """The numbers of a gradient, which second derivatives keep in a node."""
    return data.data if isinstance(data, Node) else data


def short(text: str) -> str:
    """At most 32 characters, the middle left out."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[1 - half :]}"


def escaped(text: str) -> str:
    """Text that a DOT label shows as it is: the marks that divide records and quotes become character references."""
    text = re.sub(r"[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff\n]", "�", text.replace("\r", "\n"))
    text = re.sub(r'[&"{}|<>]', lambda mark: f"&#{ord(mark[0])};", text)
    return text.replace("\\", r"\\").replace("\n", r"\n")


def hover(text: str) -> str:
    """The same for a tooltip, which Graphviz reads twice."""
    return escaped(text.replace("\\", r"\\"))


def one_line(text: str) -> str:
    """A learner's name may hold line breaks; in a picture they are shown as ↵."""
    return re.sub(r"\r\n|[\n\r\t]", "↵", text)
