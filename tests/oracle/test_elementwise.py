"""Elementwise functions and activations against PyTorch. One line per function; see DECISIONS for where we differ."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from tests.oracle.compare import OURS, THEIRS, agree, agreeing, derivatives, refusing, run, table, within

REAL, UNIT, POSITIVE, ABOVE_ONE = (-3.0, 3.0), (0.05, 0.95), (0.1, 4.0), (1.1, 4.0)

# The interval of x: the calls.
ONE = {
    REAL: """
        abs(x); asinh(x); atan(x); ceil(x); celu(x); celu(x, alpha=0.5); cos(x); cosh(x); elu(x); elu(x, alpha=0.4);
        erf(x); exp(x); exp2(x); expm1(x); floor(x); frac(x); gelu(x); gelu(x, approximate='tanh'); hardshrink(x);
        hardshrink(x, 1.2); hardswish(x); hardtanh(x); hardtanh(x, -0.6, 1.7); leaky_relu(x);
        leaky_relu(x, negative_slope=0.3); logsigmoid(x); mish(x); nan_to_num(x); neg(x); reciprocal(x); relu(x);
        relu6(x); round(x); round(x, decimals=1); selu(x); sigmoid(x); sign(x); silu(x); sin(x); sinc(x); sinh(x);
        softplus(x); softplus(x, beta=2.5); softplus(x, beta=2.0, threshold=1.0); softshrink(x); softshrink(x, 1.2);
        softsign(x); square(x); tan(x); tanh(x); tanhshrink(x); threshold(x, 0.3, -1.5); trunc(x); clamp(x, -0.8, 1.3);
        clamp(x, min=0.3); clamp(x, max=0.3); clip(x, -0.8, 1.3); x ** 0; x ** 2; x ** 3; x ** -1; 2 ** x; 1 - x;
        2 / x; x % 1.5; pow(x, 3); pow(2.0, x); 1.5 * x - 0.5; add(x, 2, alpha=3); sub(x, 0.5, alpha=2);
        div(x, 0.7, rounding_mode='floor'); div(x, 0.7, rounding_mode='trunc'); x // 0.7; maximum(x, x * x); -x; +x;
        glu(stack([x, 2 * x], 0), dim=0); x.clone(); x.add(1.5); x.sub(1.5, alpha=2); x.mul(2.5); x.div(0.3);
        x.pow(2); x.where(x > 0, -x); x.clamp(min=0.1); x.double(); x.float(); x.half(); x.type_as(x.float())
    """,
    UNIT: "acos(x); asin(x); atanh(x); logit(x); logit(x, eps=0.2)",
    POSITIVE: "log(x); log10(x); log1p(x); log2(x); rsqrt(x); sqrt(x); x ** 0.5",
    ABOVE_ONE: "acosh(x)",
}
# The intervals of a and b: the calls.
TWO = {
    (REAL, (-2.93, 3.07)): """
        add(a, b); add(a, b, alpha=-1.5); atan2(a, b); copysign(a, b); div(a, b); div(a, b, rounding_mode='floor');
        div(a, b, rounding_mode='trunc'); floor_divide(a, b); fmod(a, b); hypot(a, b); logaddexp(a, b); maximum(a, b);
        minimum(a, b); mul(a, b); remainder(a, b); sub(a, b); sub(a, b, alpha=0.5); lerp(a, b, 0.3); max(a, b);
        min(a, b); clamp(a, b, b + 1); clamp(a, min=b + 1, max=b); where(a > b, a * b, b - a); where(a > b, 1.0, b);
        where(a > b, a, 0.0); a.lerp(b, 0.3)
    """,
    (POSITIVE, REAL): "pow(a, b); a ** b",
    (REAL, POSITIVE): "xlogy(a, b)",
}
THREE = """
    lerp(a, b, c); addcmul(a, b, c); addcmul(a, b, c, value=-0.7); addcdiv(a, b, c); addcdiv(a, b, c, value=2.0);
    where(a > 0, b, c)
"""
# Booleans: no gradient.
ASKED = """
    eq(a, b); ne(a, b); gt(a, b); ge(a, b); lt(a, b); le(a, b); not_equal(a, b); greater(a, b); greater_equal(a, b);
    less(a, b); less_equal(a, b); logical_and(a, b); logical_or(a, b); logical_xor(a, b); logical_not(a); isnan(a);
    isinf(a); isfinite(a); isclose(a, b); isclose(a, b, equal_nan=True); isclose(a, b, 0.6, 0.0); allclose(a, b);
    allclose(a, a, equal_nan=True); allclose(a, b, 0.6, 0.0, True); equal(a, b); equal(a, a); equal(a, b[:2]);
    a.equal(a); a.isclose(b, atol=3.0)
"""
MIXED = """
    i + 1; i * 2; i - i; 2 - i; i * 0.5; i / 2; -i; b + 1; i < 2; i + b; i * f; i // 2; i % 2; i ** 2; abs(i - 2);
    div(i, 2, rounding_mode='floor'); div(i - 2, 2, rounding_mode='trunc'); div(2 - i, i, rounding_mode='trunc');
    maximum(i, 2 * i - 2); sign(i - 2); square(i); where(b, i, 0); where(b, i, 0.5); where(b, i, f); clamp(i, 2);
    clamp(i, max=2); i.float() / 2; i.long(); b.int(); f.bool(); i.to(f.dtype); i.type_as(f); i.clone(); b.clone();
    f * True; b & b; b | ~b; b ^ True; logical_not(i); eq(i, 2); i.eq(1); exp(i); sqrt(i); sigmoid(i); floor(f);
    sin(i); tanh(i); log(i); atan(i); reciprocal(i); rsqrt(i); erf(i); exp2(i); relu(i - 2); addcmul(i, i, i);
    hypot(f, f); add(i, i, alpha=2); sub(i, i, alpha=2); pow(i, 2); pow(i, f); pow(2, i); xlogy(i, i);
    ceil(i); floor(i); round(i); trunc(i); frac(f); nan_to_num(i); fmod(i, 2); remainder(i, 2); isnan(i); atan2(i, i);
    copysign(i, i); logaddexp(f, f); expm1(i); log1p(i); neg(i); lerp(f, f, 0.5); sinc(i); i.tolist(); i.numel();
    relu6(i); hardtanh(i); hardtanh(i - 2, -2, 2); threshold(i, 1.5, -1); square(b); b ** 2; add(b, 2, alpha=3);
    add(i, 2, alpha=3); sub(i, 2, alpha=3); copysign(i, f); copysign(i, i - 2); logit(i); logit(i, eps=0.1);
    where(f > 0); where(i - 1); where(stack([b, b])); where(b[0])
"""
SHAPES: list[tuple[int, ...]] = [(), (5,), (2, 3), (3, 0), (2, 1, 4)]
PAIRS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((), ()), ((4,), (4,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((3, 1, 2), (4, 1)),
]  # fmt: skip
CASES = [
    *(case for shape in SHAPES for x, calls in ONE.items() for case in table(dict(x=within(*x, *shape)), calls)),
    *(case for s, z in PAIRS for (a, b), calls in TWO.items()
      for case in table(dict(a=within(*a, *s), b=within(*b, *z)), calls)),
    *(case for s, z, u in (((2, 3),) * 3, ((3,), (2, 1), ()), ((), (), (4,)))
      for case in table(dict(a=within(*REAL, *s), b=within(*REAL, *z), c=within(*REAL, *u)), THREE)),
    *table(dict(a=np.array([0.0, 1.0, -2.0, 0.0, np.nan, np.inf]), b=np.array([0.0, 2.0, -2.0, 3.0, np.nan, -np.inf])),
           ASKED),
    *(case for channels, shape in ((1, (5,)), (1, (3, 4)), (4, (3, 4)), (4, (2, 4, 3)), (1, (2, 4, 2, 2)))
      for case in table(dict(x=within(*REAL, *shape), w=within(0.1, 0.9, channels)), "prelu(x, w)")),
    *table(dict(x=(2, 4, 6)), """
        glu(x); glu(x, 0); glu(x, 1); glu(x, dim=-1); softmax(x, 0); softmax(x, dim=-1); softmin(x, 1);
        softmin(x, dim=0); log_softmax(x, 1); log_softmax(x, dim=-1); softmax(x, -1, dtype=x.double().dtype)
    """),
    *table(dict(x=(2, 0, 3)), "softmax(x, 1); log_softmax(x, 1); softmin(x, 1); softmax(x, 2)"),
    *table(dict(x=np.array([np.nan, np.inf, -np.inf, 0.5])), """
        nan_to_num(x); nan_to_num(x, 2); nan_to_num(x, 1.0, posinf=2.0, neginf=-3.0)
    """),
]  # fmt: skip
SIXTHS = [case for shape in SHAPES for case in table(dict(x=within(-5, 5, *shape)), "hardsigmoid(x)")]


test_agrees_with_pytorch = agreeing(CASES)


KINDS = dict(i=np.array([1, 2, 3]), b=np.array([True, False, True]), f=np.array([0.5, -1.5, 2.5]))


@pytest.mark.parametrize(("inputs", "call"), table(KINDS, MIXED))
def test_integers_and_booleans_keep_pytorchs_kinds(inputs: dict[str, Any], call: str) -> None:
    agree(inputs, call)


NUMBERS = """
    f + 2; f ** 2.0; 2.0 ** f; add(f, 2.0, alpha=3); copysign(f, 2.0); div(f, 2.0); floor_divide(f, 2.0);
    fmod(f, 2.0); remainder(f, 2.0); xlogy(f, 2.0); xlogy(f, 2); xlogy(2.0, f); xlogy(0.0, f); lerp(f, f, 0.5);
    where(f > 0, f, 2.0); where(f > 0, 2.0, f); clamp(f, 0.5, 1.5); masked_fill(f, f > 0, 2.0); remainder(2.0, f);
    pow(2.0, f)
"""


@pytest.mark.parametrize(("inputs", "call"), table(dict(f=np.array([0.5, -1.5, 2.5])), NUMBERS))
def test_float32_stays_beside_a_python_number(inputs: dict[str, Any], call: str) -> None:
    agree(inputs, call, np.float32)
    assert run(OURS, call, {"f": mx.Tensor(np.float32(inputs["f"]))}).dtype == np.float32


OF_WHOLE_NUMBERS = """
    acos(w); acosh(w); asin(w); asinh(w); atan(w); atan2(w, w); atanh(w); cos(w); cosh(w); erf(w); exp(w); exp2(w);
    expm1(w); log(w); log10(w); log1p(w); log2(w); logit(w); logsumexp(w, 0); sigmoid(w); sin(w); sinh(w); sqrt(w);
    tan(w); tanh(w)
"""


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
@pytest.mark.parametrize(("inputs", "call"), table(dict(w=np.array([1, 0, 1])), OF_WHOLE_NUMBERS))
def test_functions_of_whole_numbers_are_of_the_default_dtype(inputs: dict[str, Any], call: str, dtype: Any) -> None:
    found = dict(w=inputs["w"].astype(dtype))
    agree(found, call)
    mx.set_default_dtype("float32")
    try:
        assert run(OURS, call, {"w": mx.Tensor(found["w"], requires_grad=False)}).dtype == np.float32
    finally:
        mx.set_default_dtype("float64")


EXTREME = np.array([0.0, -0.0, 1e-300, -1e-300, 1e-8, -1e-8, 1.0, -1.0, 30.0, -30.0, 700.0, -700.0, 1e4, -1e4])
BEYOND = np.array([1e200, -1e200, np.inf, -np.inf, np.nan])
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 1e-8, 1e4, -1e4, np.inf, -np.inf, np.nan])

# Where we differ on purpose, and so are not compared: (call, order of the derivative): why.
DECISIONS = {
    ("sign(x)", 0): "the sign of nan is nan, as in NumPy; PyTorch says 0",
    ("elu(x)", 2): "at 0, where the second slope jumps, ours is the one from the left: elu's rule is the same up to 0",
    ("elu(x, alpha=0.4)", 2): "as elu",
    ("selu(x)", 2): "as elu",
    ("celu(x)", 2): "as elu",
    ("celu(x, alpha=0.5)", 2): "as elu",
    ("sinc(x)", 1): "exact near 0, where PyTorch's formula loses all digits",
    ("sinc(x)", 2): "-pi²/3 at 0, where PyTorch has nan",
    ("logit(x)", 1): "outside 0 … 1 the value is nan and the slope is that of the formula; PyTorch's is nan",
    ("logit(x)", 2): "as logit",
    ("x ** 0.5", 1): "the slope at -0.0 is inf; PyTorch has -inf",
    ("x ** 0.5", 2): "as the first slope",
}  # fmt: skip
# And with tests of their own, or none where nothing can be compared.
DECISIONS_IN_WORDS = """hardsigmoid: exact; in PyTorch its slope is a sixth rounded to float32.
hardswish: x · hardsigmoid(x), so its slopes in the corners -3 and 3 are 0 and 1; PyTorch has -1/2 and 3/2.
softplus: stable for every x, so by default it never becomes y = x, as PyTorch's does above 20 (within 2.1e-9).
hardtanh, threshold, addcmul and addmm of whole numbers: with fractions as settings they give reals; PyTorch cuts those.
whole numbers: 2 ** -1 is refused (in an array too), as in NumPy; PyTorch says 0. The sign of booleans is refused.
lerp: one formula, a + w (b - a), nan where an end is infinite; from w = 0.5 on PyTorch counts from b.
atan2 and hypot: at the origin, which has no slope, nan; atan2 has 0 in PyTorch.
pow: its mixed second derivative at exponent 0 is 1 / a; PyTorch has 0.
xlogy: where a is 0 and b is not positive, the slope for b is 0; PyTorch has nan at b = 0.
booleans: arithmetic beside numbers follows NumPy (1 - mask, relu(mask)); PyTorch refuses some of it.
relu, elu, abs and others: where the value or an input is nan or infinite, slopes are not promised."""
CALLS = [" ".join(call.split()) for calls in ONE.values() for call in calls.split(";")]


@pytest.mark.parametrize("call", CALLS)
def test_extreme_inputs(call: str) -> None:
    """Where PyTorch has an answer (not nan), ours is the same, however large, small or infinite the input."""
    for x, highest in ((EXTREME, 2), (BEYOND, 0)):
        mine, yours = (derivatives(library, call, {"x": x}, highest) for library in (OURS, THEIRS))
        for order, ((a,), (b,)) in enumerate(zip(mine, yours, strict=False)):
            if (call, order) in DECISIONS:
                continue
            a, b = (np.zeros(x.shape) if found is None else found for found in (a, b))  # no path: no slope
            known = ~np.isnan(b)
            np.testing.assert_allclose(a[known], b[known], rtol=1e-9, atol=1e-12, err_msg=f"derivative {order}")
            if order == 0:
                np.testing.assert_array_equal(np.isnan(a), np.isnan(b))


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "sub",
        "mul",
        "div",
        "atan2",
        "copysign",
        "fmod",
        "hypot",
        "logaddexp",
        "maximum",
        "minimum",
        "remainder",
        "pow",
        "xlogy",
    ],
)
def test_extreme_pairs(name: str) -> None:
    a, b = (x.ravel() for x in np.meshgrid(EDGES, EDGES))
    agree(dict(a=a, b=b), f"{name}(a, b)", order=0)


@pytest.mark.parametrize("call", ["clamp(a, b)", "clamp(a, max=b)", "clamp(a, b, b + 1)"])
def test_beside_a_bound_that_is_nan(call: str) -> None:
    agree(dict(a=np.array([1.0, 2.0, np.nan, 9.0]), b=np.array([np.nan, 0.0, 5.0, 3.0])), call, order=0)


@pytest.mark.parametrize("a", [0.0, 1.0, 2.0, -2.0])
def test_slopes_of_powers_at_special_points(a: float) -> None:
    b = np.array([0.0, 1.0, 2.0, 0.5, -1.0])
    agree(dict(a=np.full(5, a), b=b), "pow(a, b)", order=1)
    agree(dict(a=np.array([3.0]), b=b[1:]), "pow(a, b)")


def test_powers_have_their_mixed_second_derivative_at_exponent_zero() -> None:
    """d²(a^b) / da db at b = 0 is 1 / a; PyTorch stops the path at b = 0 and has 0."""
    first = mx.grad(lambda a, b: a**b, 0)
    assert mx.grad(first, 1)(4.0, 0.0).data == pytest.approx(0.25)


SOFTPLUS_GAP = 2.1e-9


def test_softplus_is_exact_where_pytorch_switches_to_a_line() -> None:
    x = np.array([19.9, 20.1, 25.0, 1000.0, -1000.0])
    agree(dict(x=x), "softplus(x)", order=1, rtol=1e-10, atol=SOFTPLUS_GAP)
    assert mx.softplus(21.0).data > 21


@pytest.mark.parametrize(("inputs", "call"), SIXTHS)
def test_hardsigmoid_and_hardswish_away_from_their_corners(inputs: dict[str, Any], call: str) -> None:
    agree(inputs, call, order=1, rtol=1e-7)
    agree(inputs, "hardswish(x)")


ARRAYS = ("glu(", "softmax(", "x.where", "x.double", "x.float", "x.half", "x.type_as")  # what only tensors have


@pytest.mark.parametrize("call", [call for call in CALLS if not call.startswith(ARRAYS)])
def test_a_value_gives_what_a_tensor_gives(call: str) -> None:
    """Scalars have their own arithmetic (Python's): the same results, IEEE's inf and nan included, and no exception."""
    for number in (*EXTREME, *BEYOND, 0.3, -0.3, 2.5):
        if call == "x ** 0.5" and number == -np.inf:
            continue  # C's pow says inf, sqrt says nan; NumPy and PyTorch use sqrt for arrays
        x, v = mx.Tensor(np.array(number)), mx.Value(float(number))
        y, u = run(OURS, call, {"x": x}), run(OURS, call, {"x": v})
        assert isinstance(u, mx.Value)
        np.testing.assert_allclose(u.data, y.data, rtol=1e-12, err_msg=f"value at {number}")
        if y.requires_grad:
            with np.errstate(all="ignore"):
                y.backward()
                u.backward()
            np.testing.assert_allclose(v.grad, x.grad, rtol=1e-12, atol=1e-300, err_msg=f"slope at {number}")


def test_sinc_is_smooth_at_zero() -> None:
    for order, expected in enumerate([1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]):
        f: Any = mx.sinc
        for _ in range(order):
            f = mx.grad(f)
        assert f(0.0).data == pytest.approx(expected, abs=1e-12)


REFUSED = [
    *table(dict(x=(3,), z=(4,), A=(2, 3), B=(2, 4), w=(2,), b=np.array([True, False, True]),
                i=np.array([2, 0, 1])), """
        x + z; where(x > 0, x, z); where(x, x, x); clamp(x); gelu(x, approximate='sin'); celu(x, alpha=0.0);
        hardtanh(x, 1.0, -1.0); softshrink(x, -1.0); glu(A); glu(B, 5); prelu(A, w); softmax(A, dim=2); x & x;
        add(x, z); add(x, x, alpha='two'); div(x, x, rounding_mode='round'); sub(b, b); -b; isclose(x, z);
        log_softmax(A, 2); softmin(A, -3); softmax(A, 1.5); maximum(x, z); atan2(x, z); lerp(x, z, 0.5);
        addcmul(x, x, z);
        addcdiv(x, z, x); xlogy(x, z); round(x, decimals=0.5); pow(x, z); clamp(x, z); b & x; ~x; relu(x, x, x);
        sin(x, x); add(x); sub(x); mul(x); tanh(); add(x, x, beta=2); exp(x, base=2); leaky_relu(x, slope=1);
        clamp(x, lower=1); x.add(); x.mul(x, x, x); x.where(x, x); isnan(x, x); eq(x, z); lt(x, z); ne(x, z);
        logical_and(x, z); softmax(b, 0); leaky_relu(x, 'a'); elu(x, 'a'); exp('a');
        i // i; i % 0; i // 0; fmod(i, i); div(i, i, rounding_mode='trunc'); div(i, 0, rounding_mode='floor');
        where(b, x); (i - 1) ** -1
    """),
]  # fmt: skip


test_refuses_what_pytorch_refuses = refusing(REFUSED)
