"""A row that is written wrongly is refused where it is defined, with a message that says how to mend it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import BOOK, RuleError, Tensor, Value, op
from microgradx.rules import forget
from microgradx.rules.domains import positive


@pytest.fixture(autouse=True)
def book_as_it_was() -> Iterator[None]:
    before = set(BOOK)
    yield
    for name in set(BOOK) - before:
        forget(name)


def _set_item(x: Any) -> Any:
    x[0] = 1.0
    return x


def _add_in_place(x: Any) -> Any:
    x += 1.0
    return x


def _set_shape(g: Any) -> Any:
    g.shape = (1,)
    return g


def _set_inside(x: Any) -> Any:
    def inner() -> None:
        x[0] = 1.0

    inner()
    return x


class _Callable:
    def __call__(self, x: Any) -> Any:
        return x


def _define(form: str = "thing(x)", **row: Any) -> Callable[[], Any]:
    return lambda: op(form, np.sin, **row)


WRONG = {
    "the rule reads a name that is no input": (_define(x=lambda z: z), "reads z.*only read x, y, g"),
    "the rule reads y of another spelling": (_define(x=lambda Y: Y), "reads Y"),
    "the rule uses a function that exists nowhere": (_define(x=lambda x: cosine(x)), "uses cosine.*import it"),  # noqa: F821  # the missing name is the case
    "an input has no rule": (_define("thing(a, b)", a=lambda: 1.0), "input b has no rule.*nondiff='b'"),
    "two inputs have one name": (_define("thing(a, a)", a=lambda: 1.0), "uses one name twice"),
    "an input has a rule and is nondiff": (_define(x=lambda: 1.0, nondiff="x"), "x has a rule and is.*nondiff"),
    "the name is taken": (_define("sin(x)", x=lambda x: x), r"already has.*sin\(x\).*elementary.*another name"),
    "an input is called y": (_define("thing(y)", y=lambda y: y), "y cannot name an input"),
    "an input is called g": (_define("thing(g)", g=lambda g: g), "g cannot name an input"),
    "an input is called i": (_define("thing(i)", i=lambda i: i), "i cannot name an input"),
    "a static parameter is called y": (_define("thing(x, y=1)", x=lambda x: x), "y cannot name"),
    "a local partial on a structural row": (_define(shapes="(n)->(n)", x=lambda x: x), "does not read g.*lambda g"),
    "a domain for no input": (_define(x=lambda x: x, where={"z": positive}), r"z is not an input of thing\(x\)"),
    "linear in no input": (_define(x=lambda: 1.0, linear="z"), "z is not an input"),
    "words for no input": (_define(x=lambda: 1.0, words={"z": "…"}), "z is not an input"),
    "nondiff for no input": (_define(x=lambda: 1.0, nondiff="z"), "z is not an input"),
    "a rule for no input": (_define(x=lambda: 1.0, z=lambda: 1.0), "z is not an input"),
    "the rule is a number": (_define(x=2.0), "must be a function.*lambda x"),
    "the rule is an object that cannot be read": (_define(x=_Callable()), "plain function or lambda"),
    "the rule is a built-in": (_define(x=abs), "plain function or lambda"),
    "a rule of nothing is no number": (_define(x=lambda: "one"), "plain number"),
    "the form is not a form": (_define("thing x", x=lambda: 1.0), "must look like"),
    "the notation is not an expression": (_define("thing(x) = x +", x=lambda: 1.0), "must look like"),
    "there are no inputs": (_define("thing()"), "needs inputs"),
    "named inputs beside variadic ones": (_define("thing(a, *xs)", a=lambda: 1.0, xs=lambda: 1.0), "single"),
    "the rule sets an item": (_define(x=_set_item), r"in place.*t\[i\] = …"),
    "the rule adds in place": (_define(x=_add_in_place), r"in place.*\+="),
    "the rule sets an attribute": (_define(x=_set_shape), "in place"),
    "the rule hides it in a function": (_define(x=_set_inside), "in place"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_row_is_refused_when_it_is_defined(case: str) -> None:
    define, say = WRONG[case]
    before = dict(BOOK)
    with pytest.raises(RuleError, match=say):
        define()
    assert before == BOOK


def test_a_row_of_ones_own_works_everywhere() -> None:
    cube = op("cube(x)", lambda x: x * x * x, x=lambda x: 3 * x**2)
    assert BOOK["cube"] is cube
    v, t = Value(2.0), Tensor([1.0, 2.0])
    cube(v).backward()
    cube(t).sum().backward()
    assert v.grad == 12.0
    np.testing.assert_array_equal(t.grad, [3.0, 12.0])
    assert mx.grad(mx.grad(cube))(2.0).data == 12.0


def test_op_is_also_a_decorator() -> None:
    @op("double(x, times=2)", x=lambda times: times)
    def double(x: Any, times: float) -> Any:
        return times * x

    v = Value(3.0)
    y = double(v, times=4)
    y.backward()
    assert (y.data, v.grad) == (12.0, 4.0)
    assert double(v).data == 6.0
    assert repr(double) == "<op double(x, times=2)>"


def test_a_row_can_be_forgotten_and_defined_again() -> None:
    op("mine(x)", np.sin, x=lambda x: mx.cos(x))
    forget("mine")
    op("mine(x)", np.sin, x=lambda x: mx.cos(x))


def test_a_rule_is_not_evaluated_for_an_input_that_needs_no_gradient() -> None:
    called = []

    def watched(a: Any) -> Any:
        called.append(a)
        return a

    product = op("product(a, b)", np.multiply, a=lambda b: b, b=watched)
    product(Value(2.0), Value(3.0, requires_grad=False)).backward()
    assert called == []
    base = Value(-2.0)
    (base**2).backward()  # no log of −2 on the way
    assert base.grad == -4.0


def test_backward_writes_into_no_array_that_a_rule_did_not_make_itself() -> None:
    kept = np.array([2.0, 3.0])
    either = op("steep(x)", lambda x: x * kept, x=lambda x: kept if x.shape == (2,) else x * kept)
    part = op("steep_too(x)", lambda x: x * kept, x=lambda x: kept[: x.size])  # to Python 3.14 that is arithmetic
    for row in (either, part, either, part):
        x = Tensor([1.0, 1.0])
        (row(x) * 5.0).sum().backward()
        np.testing.assert_array_equal(x.grad, [10.0, 15.0])
    counted = op("counted(x, n)", lambda x, n: x * (2 * n), nondiff="n", x=lambda n: 2 * n)  # a slope of whole numbers
    x = Tensor([1.0, 1.0])
    (counted(x, Tensor(np.array([1, 2]))) * 0.25).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.5, 1.0])


def test_a_rule_of_ones_own_with_functions_works_on_the_gradient_of_a_single_number() -> None:
    row = mx.op(
        "add_up(x)", lambda x: np.sum(x, -1), shapes="(n)->()",
        x=lambda g, x: mx.broadcast_to(g[..., None], x.shape),
    )  # fmt: skip
    x = mx.Tensor([1.0, 2.0, 3.0])
    (row(x) * 2.0).backward()  # NumPy makes a bare number of the 0-d gradient
    np.testing.assert_array_equal(x.grad, [2, 2, 2])


def test_a_question_about_a_number_stays_in_the_formula() -> None:
    trace = str(mx.trace(lambda x: mx.where(x > 0, 3 * x, x), 0.5))
    assert "if x > 0 else" in trace


@pytest.mark.parametrize(
    "call", [lambda x, n: mx.power(x, n), lambda x, n: mx.elu(x, n), lambda x, n: mx.power(x, n=n)]
)
def test_a_node_as_a_setting_is_refused_for_it_would_lose_its_gradient(call: Callable[..., Any]) -> None:
    with pytest.raises(mx.OpError, match="is a setting"):
        call(mx.Value(2.0), mx.Value(3.0))


def test_a_users_row_does_not_take_a_numpy_function_over():
    code = "import numpy as np, microgradx as mx; mx.op('mine(x)', np.tanh, x=lambda y: y); "
    code += "t = mx.Tensor([0.5]); assert np.tanh(t).op.name == 'tanh'"
    subprocess.run([sys.executable, "-c", code], check=True)  # the table is made when NumPy first meets a tensor
