"""Elementwise functions and activations against PyTorch. One line per function; see DECISIONS for where we differ."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import Function, agree, by_name, draw, names, ours, refuses, theirs

REAL, UNIT, POSITIVE, ABOVE_ONE = (-3.0, 3.0), (0.05, 0.95), (0.1, 4.0), (1.1, 4.0)

# name: (the call, the interval of each input)
ONE: dict[str, tuple[Any, ...]] = {
    **by_name("abs asinh atan celu ceil cos cosh elu erf exp exp2 expm1 floor frac gelu hardshrink hardswish", REAL),
    **by_name("hardtanh leaky_relu logsigmoid mish nan_to_num reciprocal relu relu6 round selu sigmoid sign", REAL),
    **by_name("silu sin sinc sinh softplus softshrink softsign square tan tanh tanhshrink trunc", REAL),
    **by_name("acos asin atanh logit", UNIT),
    **by_name("log log10 log1p log2 rsqrt sqrt", POSITIVE),
    "acosh": (lambda F, x: F.acosh(x), ABOVE_ONE),
    "celu alpha": (lambda F, x: F.celu(x, alpha=0.5), REAL),
    "clamp": (lambda F, x: F.clamp(x, -0.8, 1.3), REAL),
    "clamp from below": (lambda F, x: F.clamp(x, min=0.3), REAL),
    "clamp from above": (lambda F, x: F.clamp(x, max=0.3), REAL),
    "elu alpha": (lambda F, x: F.elu(x, alpha=0.4), REAL),
    "gelu tanh": (lambda F, x: F.gelu(x, approximate="tanh"), REAL),
    "glu": (lambda F, x: F.glu(F.stack([x, 2 * x], 0), dim=0), REAL),
    "hardshrink lambd": (lambda F, x: F.hardshrink(x, 1.2), REAL),
    "hardtanh levels": (lambda F, x: F.hardtanh(x, -0.6, 1.7), REAL),
    "leaky_relu slope": (lambda F, x: F.leaky_relu(x, negative_slope=0.3), REAL),
    "logit eps": (lambda F, x: F.logit(x, eps=0.2), UNIT),
    "pow 0": (lambda F, x: x**0, REAL),
    "pow 2": (lambda F, x: x**2, REAL),
    "pow 3": (lambda F, x: x**3, REAL),
    "pow -1": (lambda F, x: x**-1, REAL),
    "pow half": (lambda F, x: x**0.5, POSITIVE),
    "two to the": (lambda F, x: 2**x, REAL),
    "round decimals": (lambda F, x: F.round(x, decimals=1), REAL),
    "softplus beta": (lambda F, x: F.softplus(x, beta=2.5), REAL),
    "softplus threshold": (lambda F, x: F.softplus(x, beta=2.0, threshold=1.0), REAL),
    "softshrink lambd": (lambda F, x: F.softshrink(x, 1.2), REAL),
    "threshold": (lambda F, x: F.threshold(x, 0.3, -1.5), REAL),
    "1 - x": (lambda F, x: 1 - x, REAL),
    "2 / x": (lambda F, x: 2 / x, REAL),
    "x % 1.5": (lambda F, x: x % 1.5, REAL),
}  # fmt: skip
TWO: dict[str, tuple[Any, ...]] = {
    **by_name("add atan2 copysign div fmod hypot logaddexp maximum minimum mul remainder sub", REAL, REAL),
    "pow": (lambda F, a, b: F.pow(a, b), POSITIVE, REAL),
    "xlogy": (lambda F, a, b: F.xlogy(a, b), REAL, POSITIVE),
    "lerp": (lambda F, a, b: F.lerp(a, b, 0.3), REAL, REAL),
    "max of two": (lambda F, a, b: F.max(a, b), REAL, REAL),
    "clamp with tensor bounds": (lambda F, a, b: F.clamp(a, b, b + 1), REAL, REAL),
    "clamp, bounds crossed": (lambda F, a, b: F.clamp(a, min=b + 1, max=b), REAL, REAL),
    "where": (lambda F, a, b: F.where(a > b, a * b, b - a), REAL, REAL),
}  # fmt: skip
THREE: dict[str, Function] = {
    "lerp": lambda F, a, b, c: F.lerp(a, b, c),
    "addcmul": lambda F, a, b, c: F.addcmul(a, b, c, value=-0.7),
    "addcdiv": lambda F, a, b, c: F.addcdiv(a, b, c, value=2.0),
    "where": lambda F, a, b, c: F.where(a > 0, b, c),
}
COMPARE = names("eq ne gt ge lt le logical_and logical_or logical_xor")
SHAPES: list[tuple[int, ...]] = [(), (5,), (2, 3), (3, 0), (2, 1, 4)]
PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((), ()), ((4,), (4,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((3, 1, 2), (4, 1)),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ONE)
def test_one_input(name: str, shape: tuple[int, ...]) -> None:
    function, interval = ONE[name]
    agree(function, [draw(shape, *interval)])


@pytest.mark.parametrize("shapes", PAIRS, ids=str)
@pytest.mark.parametrize("name", TWO)
def test_two_inputs_that_broadcast(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    function, *intervals = TWO[name]
    agree(function, [draw(s, *i, seed=k) + 0.01 * k for k, (s, i) in enumerate(zip(shapes, intervals, strict=True))])


@pytest.mark.parametrize("shapes", [((2, 3),) * 3, ((3,), (2, 1), ()), ((), (), (4,))], ids=str)
@pytest.mark.parametrize("name", THREE)
def test_three_inputs_that_broadcast(name: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    agree(THREE[name], [draw(s, seed=k) + 0.01 * k for k, s in enumerate(shapes)])


@pytest.mark.parametrize("name", COMPARE)
def test_comparisons_and_logic_give_booleans_without_a_gradient(name: str) -> None:
    a, b = np.array([0.0, 1.0, -2.0, 0.0, np.nan]), np.array([0.0, 2.0, -2.0, 3.0, np.nan])
    agree(lambda F, a, b: getattr(F, name)(a, b), [a, b])
    assert not getattr(mx, name)(mx.Tensor(a), mx.Tensor(b)).requires_grad


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "logical_not"])
def test_questions_give_booleans(name: str) -> None:
    agree(lambda F, x: getattr(F, name)(x), [np.array([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])])


@pytest.mark.parametrize("expression", ["p & q", "p | q", "p ^ q", "~p", "p & True"])
def test_boolean_operators(expression: str) -> None:
    p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
    agree(lambda F, p, q: eval(expression, {"p": p, "q": q}), [p, q])


@pytest.mark.parametrize("expression", ["i + 1", "i * 2", "i - i", "2 - i", "i * 0.5", "i / 2", "-i", "b + 1", "i < 2"])
def test_integers_and_booleans_keep_pytorchs_kinds(expression: str) -> None:
    def run(F: Any, i: Any, b: Any) -> Any:
        return eval(expression, {"i": i, "b": b})

    arrays = [np.array([1, 2, 3]), np.array([True, False, True])]
    mine, yours = ours(run, arrays, 0)[0][0], theirs(run, arrays, 0)[0][0]
    assert mine.dtype.kind == yours.dtype.kind
    np.testing.assert_array_equal(mine, yours)


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_float32_stays_float32(name: str) -> None:
    function, *intervals = ONE.get(name) or TWO[name]
    arrays = [draw((2, 3), *i, seed=k, dtype="float32") for k, i in enumerate(intervals)]
    for row in ours(function, arrays):
        assert all(x is None or x.dtype == np.float32 for x in row), [x.dtype for x in row if x is not None]


@pytest.mark.parametrize("channels", [1, 4])
def test_prelu(channels: int) -> None:
    for shape in ((3, 4), (2, 4, 3), (2, 4, 2, 2)):
        agree(lambda F, x, w: F.prelu(x, w), [draw(shape), draw((channels,), 0.1, 0.9)])
    if channels == 1:
        agree(lambda F, x, w: F.prelu(x, w), [draw((5,)), draw((1,), 0.1, 0.9)])


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "softmin", "log_softmax"])
def test_softmax_along_every_axis(name: str, dim: int) -> None:
    agree(lambda F, x: getattr(F, name)(x, dim=dim), [draw((3, 4), -5.0, 5.0)])


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_glu_along_every_axis(dim: int) -> None:
    agree(lambda F, x: F.glu(x, dim), [draw((2, 4, 6))])


EXTREME = np.array([0.0, -0.0, 1e-300, -1e-300, 1e-8, -1e-8, 1.0, -1.0, 30.0, -30.0, 700.0, -700.0, 1e4, -1e4])
BEYOND = np.array([1e200, -1e200, np.inf, -np.inf, np.nan])
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 1e-8, 1e4, -1e4, np.inf, -np.inf, np.nan])

# Where we differ on purpose, and so are not compared: (name, order of the derivative): why.
DECISIONS = {
    ("sign", 0): "the sign of nan is nan, as in NumPy; PyTorch says 0",
    ("elu", 2): "at 0, where the second slope jumps, ours is the one from the left: elu's rule is the same up to 0",
    ("elu alpha", 2): "as elu",
    ("selu", 2): "as elu",
    ("celu", 2): "as elu",
    ("celu alpha", 2): "as elu",
    ("sinc", 1): "exact near 0, where PyTorch's formula loses all digits",
    ("sinc", 2): "-pi²/3 at 0, where PyTorch has nan",
    ("logit", 1): "outside 0 … 1 the value is nan and the slope is that of the formula; PyTorch's is nan",
    ("logit", 2): "as logit",
    ("pow half", 1): "the slope at -0.0 is inf; PyTorch has -inf",
    ("pow half", 2): "as pow half",
}  # fmt: skip
# And with tests of their own, or none where nothing can be compared.
DECISIONS_IN_WORDS = """hardsigmoid: exact; in PyTorch its slope is a sixth rounded to float32.
hardswish: x · hardsigmoid(x), so its slopes in the corners -3 and 3 are 0 and 1; PyTorch has -1/2 and 3/2.
softplus: stable for every x, so by default it never becomes y = x, as PyTorch's does above 20 (within 2.1e-9).
pow: its mixed second derivative at exponent 0 is 1 / a; PyTorch has 0.
xlogy: where a is 0 and b is not positive, the slope for b is 0; PyTorch has nan at b = 0.
equal: elementwise, as np.equal and PyTorch's eq; whole tensors are compared by np.array_equal.
relu, elu, abs and others at nan: the value is nan; slopes at nan are not promised."""


@pytest.mark.parametrize("name", ONE)
def test_extreme_inputs(name: str) -> None:
    """Where PyTorch has an answer (not nan), ours is the same, however large, small or infinite the input."""
    function, _ = ONE[name]
    with np.errstate(all="ignore"):
        for x, highest in ((EXTREME, 2), (BEYOND, 0)):
            mine, yours = ours(function, [x], highest), theirs(function, [x], highest)
            for order, ((a,), (b,)) in enumerate(zip(mine, yours, strict=False)):
                if (name, order) in DECISIONS:
                    continue
                a, b = (np.zeros(x.shape) if found is None else found for found in (a, b))  # no path: no slope
                known = ~np.isnan(b)
                np.testing.assert_allclose(a[known], b[known], rtol=1e-9, atol=1e-12, err_msg=f"derivative {order}")
                if order == 0:
                    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize(
    "name", names("add sub mul div atan2 copysign fmod hypot logaddexp maximum minimum remainder pow xlogy")
)
def test_extreme_pairs(name: str) -> None:
    a, b = (x.ravel() for x in np.meshgrid(EDGES, EDGES))
    with np.errstate(all="ignore"):
        agree(lambda F, a, b: getattr(F, name)(a, b), [a, b], order=0)


@pytest.mark.parametrize("a", [0.0, 1.0, 2.0, -2.0])
def test_slopes_of_powers_at_special_points(a: float) -> None:
    b = np.array([0.0, 1.0, 2.0, 0.5, -1.0])
    with np.errstate(all="ignore"):
        agree(lambda F, a, b: F.pow(a, b), [np.full(5, a), b], order=1)
        agree(lambda F, a, b: F.pow(a, b), [np.array([3.0]), b[1:]])


def test_powers_have_their_mixed_second_derivative_at_exponent_zero() -> None:
    """d²(a^b) / da db at b = 0 is 1 / a; PyTorch stops the path at b = 0 and has 0."""
    first = mx.grad(lambda a, b: a**b, 0)
    assert mx.grad(first, 1)(4.0, 0.0).data == pytest.approx(0.25)


SOFTPLUS_GAP = 2.1e-9


def test_softplus_is_exact_where_pytorch_switches_to_a_line() -> None:
    agree(lambda F, x: F.softplus(x), [np.array([19.9, 20.1, 25.0, 1000.0, -1000.0])], order=1, atol=SOFTPLUS_GAP)
    assert mx.softplus(21.0).data > 21


def test_hardsigmoid_and_hardswish_away_from_their_corners() -> None:
    for shape in SHAPES:
        agree(lambda F, x: F.hardsigmoid(x), [draw(shape, -5, 5)], order=1, rtol=1e-7)
        agree(lambda F, x: F.hardswish(x), [draw(shape, -5, 5)])


@pytest.mark.parametrize("name", [name for name in ONE if name != "glu"])  # which halves an axis: tensors only
def test_a_value_gives_what_a_tensor_gives(name: str) -> None:
    """Scalars have their own arithmetic (Python's): the same results, IEEE's inf and nan included, and no exception."""
    function, _ = ONE[name]
    with np.errstate(all="ignore"):
        for number in (*EXTREME, *BEYOND, 0.3, -0.3, 2.5):
            if name == "pow half" and number == -np.inf:
                continue  # C's pow says inf, sqrt says nan; NumPy and PyTorch use sqrt for arrays
            x, v = mx.Tensor(np.array(number)), mx.Value(float(number))
            y, u = function(mx.functional, x), function(mx.functional, v)
            assert isinstance(u, mx.Value)
            np.testing.assert_allclose(u.data, y.data, rtol=1e-12, err_msg=f"value at {number}")
            if y.requires_grad:
                y.backward()
                u.backward()
                np.testing.assert_allclose(v.grad, x.grad, rtol=1e-12, atol=1e-300, err_msg=f"slope at {number}")


def test_sinc_is_smooth_at_zero() -> None:
    for order, expected in enumerate([1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]):
        f: Any = mx.sinc
        for _ in range(order):
            f = mx.grad(f)
        assert f(0.0).data == pytest.approx(expected, abs=1e-12)


def test_nan_to_num_with_numbers_of_its_own() -> None:
    agree(lambda F, x: F.nan_to_num(x, 1.0, posinf=2.0, neginf=-3.0), [np.array([np.nan, np.inf, -np.inf, 0.5])])
    agree(lambda F, x: F.nan_to_num(x), [np.array([np.nan, np.inf, -np.inf, 0.5], dtype="float32")])


REFUSED: dict[str, tuple[Function, tuple[tuple[int, ...], ...]]] = {
    "shapes that do not broadcast": (lambda F, a, b: a + b, ((3,), (4,))),
    "where: shapes that do not broadcast": (lambda F, a, b: F.where(a > 0, a, b), ((3,), (4,))),
    "where: a condition of numbers": (lambda F, a, b: F.where(a, a, b), ((3,), (3,))),
    "clamp without bounds": (lambda F, x: F.clamp(x), ((3,),)),
    "gelu: unknown approximation": (lambda F, x: F.gelu(x, approximate="sin"), ((3,),)),
    "celu: alpha 0": (lambda F, x: F.celu(x, alpha=0.0), ((3,),)),
    "hardtanh: crossed levels": (lambda F, x: F.hardtanh(x, 1.0, -1.0), ((3,),)),
    "softshrink: negative lambd": (lambda F, x: F.softshrink(x, -1.0), ((3,),)),
    "glu: odd size": (lambda F, x: F.glu(x), ((2, 3),)),
    "glu: no such axis": (lambda F, x: F.glu(x, 5), ((2, 4),)),
    "prelu: weights for other channels": (lambda F, x, w: F.prelu(x, w), ((2, 3), (2,))),
    "softmax: no such axis": (lambda F, x: F.softmax(x, dim=2), ((2, 3),)),
    "& on numbers": (lambda F, x: x & x, ((3,),)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_pytorch(name: str) -> None:
    function, shapes = REFUSED[name]
    refuses(function, *(draw(s) for s in shapes))
