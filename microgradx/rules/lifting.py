"""What an op is given, made into nodes of one kind: numbers and arrays become constants, and their dtypes agree.

Dtypes go together as in PyTorch (its `torch.result_type`), not as in NumPy. There are three kinds of them, booleans,
whole and real numbers: the highest wins. Within a kind, arrays with axes outrank single numbers (shape ()), and these
outrank Python's and NumPy's plain numbers, which take the dtype of what they meet:

    float32 tensor * 2.5, * np.float64(2.5), * float64 tensor of shape ()    float32
    float32 tensor * float64 tensor                                          float64
    float32 tensor * int64 tensor                                            float32
    int64 tensor * 2.5, and sin, log … of whole numbers                      the default dtype

Each input's gradient comes back in its own dtype.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradx.graph.errors import OpError
from microgradx.graph.node import Node, Tensor, Value, as_array, default_dtype

if TYPE_CHECKING:
    from microgradx.rules.op import Op

# Of whole numbers and booleans these are real numbers of the default dtype (NumPy alone makes float16 of small ones).
_REALS = """
acos acosh asin asinh atan atan2 atanh copysign cos cosh div erf exp exp2 expm1 hypot log log10 log1p log2 logaddexp
logsumexp sigmoid sin sinh softplus sqrt tan tanh
"""
_OF_REALS = frozenset(_REALS.split())
_DIVIDING = frozenset(["floor_divide", "fmod", "remainder"])  # of whole numbers NumPy says 0 where the divisor is 0
_COUNTING = frozenset(["power", "square"])  # true counts as 1 there (NumPy makes int8 of it)
_OF_WHOLE = _OF_REALS | _DIVIDING | _COUNTING
_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}


def lift(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Nodes of one kind: plain numbers and arrays become constants, a Value among Tensors a 0-d Tensor."""
    kind = type(args[0]) if args else None
    if kind is Tensor:
        dtype, alike = args[0].data.dtype, True
        for a in args:
            if type(a) is not Tensor:
                break
            if a.data.dtype is not dtype:
                alike = False
        else:
            return args if alike and dtype.kind == "f" else _agreed(op, args)
    elif kind is Value and op.scalar:
        for a in args:
            if type(a) is not Value:
                break
        else:
            return args
    if op.shapes == "value":  # the row `tensor` itself
        return args
    if all(isinstance(a, Tensor) for a in args):
        return _agreed(op, args)
    number = (Value, int, float, np.number) if any(type(a) is Value for a in args) else (int, float)
    if op.scalar and all(isinstance(a, number) for a in args):
        return tuple(a if isinstance(a, Value) else Value(a, requires_grad=False) for a in args)
    from microgradx.rules.shaping import tensor

    arrays = [a.data if isinstance(a, Tensor) else a for a in args if isinstance(a, (Tensor, np.ndarray))]
    beside = arrays or [a for a in args if isinstance(a, np.generic)]
    nodes = []
    for a in args:
        if isinstance(a, Value):
            nodes.append(tensor(a, dtype=_number_dtype(0.0, beside)))
        elif isinstance(a, Node):
            nodes.append(a)
        else:
            plain = isinstance(a, (int, float, np.number)) and not isinstance(a, bool)
            nodes.append(Tensor(as_array(a, _number_dtype(a, beside) if plain else None), requires_grad=False))
    return _agreed(op, tuple(nodes))


def _number_dtype(number: Any, beside: list[Any]) -> Any:
    """A plain number takes the dtype of the arrays it meets; a real one among whole numbers takes the default dtype."""
    together = result_dtype(beside) if beside else default_dtype()
    if together.kind == "f":
        return together
    if isinstance(number, (float, np.floating)):
        return default_dtype()
    fits = together.kind in "iu" and np.iinfo(together).min <= number <= np.iinfo(together).max
    return together if fits else np.dtype(np.int64)


def _agreed(op: Op, nodes: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs of an op, those that meet each other in it brought to one dtype where NumPy would choose another."""
    places = op.meeting or range(len(nodes))
    dtype = nodes[places[0]].data.dtype
    for k in places:
        if nodes[k].data.dtype is not dtype:
            break
    else:
        if dtype.kind == "f" or op.name not in _OF_WHOLE:
            return nodes
    arrays = [nodes[k].data for k in places]
    wanted = result_dtype(arrays)
    if wanted.kind != "f" and op.name in _OF_REALS:
        wanted = default_dtype()
    if wanted.kind == "b" and op.name in _COUNTING:
        wanted = np.dtype(np.int64)
    if wanted.kind != "f" and op.name in _DIVIDING and not np.all(arrays[1]):
        raise OpError(f"{op.name}: whole numbers cannot be divided by 0, real ones can: try x.astype('float64').")
    if wanted == np.result_type(*(each.dtype for each in arrays)) or (wanted.kind != "f" and not op.smooth):
        return nodes  # as they are: NumPy does the same, and it compares whole numbers of any dtype
    from microgradx.rules.shaping import astype

    return tuple(astype(each, wanted.name) if k in places else each for k, each in enumerate(nodes))


def result_dtype(arrays: list[Any]) -> Any:
    """The dtype in which arrays meet: of the highest kind, and in it of those with axes before single numbers."""
    groups = [[a.dtype for a in arrays if a.ndim], [a.dtype for a in arrays if not a.ndim]]
    found = [reduce(_larger, group) for group in groups if group]
    return max(found, key=lambda dtype: _RANK[dtype.kind])  # of equals the first


def _larger(p: Any, q: Any) -> Any:
    if _RANK[p.kind] != _RANK[q.kind]:
        return max(p, q, key=lambda dtype: _RANK[dtype.kind])
    return np.promote_types(p, q)
