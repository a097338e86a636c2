"""Every public function is compared with PyTorch, takes PyTorch's words for its arguments, and has its defaults.

The walk runs every case of the oracle tables with all arguments by keyword, under the names PyTorch gives them.
"""

import inspect
import re
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx.rules.words import other_words
from tests.oracle import (
    test_convolution,
    test_elementwise,
    test_linalg,
    test_losses,
    test_normalization,
    test_pooling,
    test_recurrent,
    test_reductions,
    test_shaping,
)
from tests.oracle.compare import OURS, Library, each, linked, made, plain, run, torch
from tests.oracle.signatures import REQUIRED, Parameter, functions, overloads

TABLES = (
    test_convolution, test_elementwise, test_linalg, test_losses, test_normalization, test_pooling, test_recurrent,
    test_reductions, test_shaping,
)  # fmt: skip
FUNCTIONS = functions()


def cases() -> list[tuple[Any, Any]]:
    """Inputs and call of every case that is compared with PyTorch."""
    lists = [v for module in TABLES for k, v in vars(module).items() if isinstance(v, list) and k != "REFUSED"]
    return [case.values for each in lists for case in each if hasattr(case, "values") and len(case.values) == 2]


class Spelled(Library):
    """Our functions, each called a second time with every argument by PyTorch's word for it."""

    def __init__(self, seen: dict[str, set[str]], wrong: list[str], prefix: str = "") -> None:
        super().__init__(OURS.places, OURS.linalg, OURS.grad, OURS.tensor)
        self.seen, self.wrong, self.prefix = seen, wrong, prefix
        if not prefix:
            self.linalg = Spelled(seen, wrong, "linalg.")

    def __getattr__(self, name: str) -> Any:
        function = getattr(OURS.linalg if self.prefix else OURS, name)
        return lambda *args, **named: self.twice(self.prefix + name, function, args, named)

    def twice(self, name: str, function: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The result; what is wrong with it by keyword is noted."""
        result = function(*args, **named)
        self.seen[name] |= set()
        for parameters in overloads_of(name):
            spelled = by_keyword(parameters, args, named)
            if spelled is None:
                continue
            try:
                again = function(**spelled)
            except (mx.MicrogradxError, TypeError) as problem:
                self.wrong.append(f"{name}({', '.join(spelled)}): {problem}")
                continue
            for a, b in zip(each(result), each(again), strict=True):
                np.testing.assert_array_equal(plain(a), plain(b), err_msg=f"{name}({', '.join(spelled)})")
            self.seen[name] |= spelled.keys()
        return result


overloads_of = cache(overloads)


def by_keyword(parameters: list[Parameter], args: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any] | None:
    """The call with PyTorch's words, where these arguments fit this overload."""
    open_to = [p for p in parameters if not p.keyword]
    if len(args) > len(open_to) and all(type(a) is int for a in args[1:]):
        args = (args[0], args[1:])  # reshape(x, 2, 3) is reshape(x, (2, 3))
    known = {p.name for p in parameters}
    if len(args) > len(open_to) or not named.keys() <= known:
        return None
    spelled = {p.name: a for p, a in zip(open_to, args, strict=False)} | named
    if len(spelled) < len(args) + len(named) or not all(
        p.takes(spelled[p.name]) for p in parameters if p.name in spelled
    ):
        return None
    return spelled if all(p.name in spelled for p in parameters if p.default is REQUIRED) else None


@pytest.fixture(scope="module")
def walk() -> tuple[dict[str, set[str]], list[str]]:
    """PyTorch's words that were used, by function, and what went wrong under them."""
    seen: dict[str, set[str]] = defaultdict(set)
    wrong: list[str] = []
    library = Spelled(seen, wrong)
    for inputs, call in cases():
        leaves = {k: OURS.tensor(a, a.dtype.kind == "f") for k, a in made(inputs, np.float64, 0).items()}
        run(library, call, leaves)
    return seen, wrong


# Ours alone, and where they are proved: PyTorch has no function of this name, or none that a case can call.
ALONE = {
    "convolve": "follows SciPy; test_convolution", "correlate": "follows SciPy; test_convolution",
    "getitem": "x[key]: test_shaping", "mT": "a property there, x.mT: test_shaping", "astype": "x.to(dtype) there",
    "power": "x ** n: test_elementwise", "rnn": "rnn_tanh, rnn_relu there: test_recurrent",
    "rnn_cell": "rnn_tanh_cell, rnn_relu_cell there: test_recurrent", "l1_penalty": "test_losses",
    "l2_penalty": "test_losses", "linalg.trace": "trace there",
}  # fmt: skip
# PyTorch's arguments that are not offered, and why.
LEFT_OUT = {
    ("embedding", "max_norm"): "it would change the table in place", ("embedding", "norm_type"): "belongs to max_norm",
    ("embedding", "scale_grad_by_freq"): "a gradient that is none", ("embedding", "sparse"): "no sparse tensors",
    ("interpolate", "antialias"): "the linear modes are exact products with a matrix of two shares a row",
    ("interpolate", "recompute_scale_factor"): "the scale that was given counts",
    ("scaled_dot_product_attention", "enable_gqa"): "repeat the keys and values",
    ("linalg.eigh", "UPLO"): "the symmetric part counts, not one triangle", ("linalg.eigvalsh", "UPLO"): "as eigh",
    ("linalg.pinv", "atol"): "rtol is enough", ("linalg.pinv", "rcond"): "the old name of rtol",
    ("linalg.pinv", "hermitian"): "the same result",
    ("tensor_split", "tensor_indices_or_sections"): "one of sections and indices",
}  # fmt: skip
# Defaults that are not PyTorch's: decisions, told to users in the docstring of microgradx.functional.
DEFAULTS = {
    ("avg_pool1d", "count_include_pad"): "None: True, but False with padding='same', as in Keras",
    ("avg_pool2d", "count_include_pad"): "as avg_pool1d",
    **{(name, "dim"): "the last axis; PyTorch warns and takes 0 or 1 by the number of axes"
       for name in ("softmax", "log_softmax", "softmin")},
    ("logsumexp", "dim"): "all axes, as in every other reduction; PyTorch asks for it",
    ("softplus", "threshold"): "None: exact everywhere; PyTorch's 20 gives x itself above, within 2.1e-9",
    ("transpose", "dim0"): "without axes all are reversed, as in NumPy", ("transpose", "dim1"): "as dim0",
    **{(name, word): "PyTorch's function asks for all of them; these are those of its class"
       for name in ("gru", "lstm")
       for word in ("has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")},
}  # fmt: skip
# Methods of torch.Tensor whose function is here, but which are not methods here.
NOT_METHODS = {
    "qr": "an older form there, with some= for mode=", "svd": "an older form there, which gives V for Vh",
    "solve": "removed there",
}  # fmt: skip


def test_every_call_may_use_pytorchs_words(walk: Any) -> None:
    assert not walk[1], "\n".join(sorted(set(walk[1])))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_compared_under_every_word(walk: Any, name: str) -> None:
    words = {p.name for parameters in overloads(name) for p in parameters}
    left_out = {word for function, word in LEFT_OUT if function == name}
    assert (name in walk[0]) != (name in ALONE), "in a table of cases, or listed as ours alone"
    if name in walk[0]:
        assert words - walk[0][name] == left_out, "an argument without a case, or a decision out of date"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_defaults_are_pytorchs(name: str) -> None:
    function = FUNCTIONS[name]
    ours = inspect.signature(function).parameters
    others = other_words(function.__name__, tuple(ours))
    differ = set()
    for word in {p.name for parameters in overloads(name) for p in parameters} & {*ours, *others}:
        mine = ours[others.get(word, word)]
        optional = mine.default is not REQUIRED
        listed = [p for parameters in overloads(name) for p in parameters if p.name == word]
        without = len(listed) < len(overloads(name))  # another overload does without it
        same = any(simple(p.default) == simple(mine.default) for p in listed)
        if mine.kind is not mine.VAR_POSITIONAL and not same and not (without and optional):
            differ.add((name, word))
    assert differ == {each for each in DEFAULTS if each[0] == name}
    assert all(function in (mx.functional.__doc__ or "") for function, _ in differ)


def simple(default: Any) -> Any:
    """What means the same: (1, 1) and 1; [] and None."""
    if isinstance(default, (list, tuple)):
        default = default[0] if len({*default}) == 1 else tuple(default) or None
    return default


def test_functions_that_are_methods_in_pytorch_are_methods_here() -> None:
    names = {name.removeprefix("linalg.") for name in FUNCTIONS}
    missing = {n for n in names if hasattr(torch.Tensor, n) and not hasattr(mx.Tensor, n)}
    assert missing == NOT_METHODS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_stays_and_whole_numbers_carry_no_gradient(kinds: Any, name: str) -> None:
    assert not kinds[name]


@pytest.fixture(scope="module")
def kinds() -> dict[str, list[str]]:
    """Calls on float32 inputs and Python's numbers that gave another float type, or whole numbers with a gradient."""
    found: dict[str, list[str]] = defaultdict(list)
    for inputs, call in cases():
        if re.search(r"dtype|double|half|float\(|type_as", call):
            continue
        arrays = made(inputs, np.float32, 0)
        leaves = {k: OURS.tensor(a, a.dtype.kind == "f") for k, a in arrays.items()}
        if any(a.dtype.kind == "f" for a in arrays.values()):
            for y in each(run(OURS, call, leaves)):
                kind = plain(y).dtype
                if (kind.kind == "f" and kind != np.float32) or (kind.kind != "f" and linked(y)):
                    for name in re.findall(r"(?:linalg\.)?\b\w+(?=\()", call):
                        found[name].append(f"{call} gives {kind}")
    return found
