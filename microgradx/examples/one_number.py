"""Small functions of one or a few numbers: a neuron, many paths, loops, polynomials, derivatives of derivatives."""

from typing import Any

from microgradx import Tensor, Value, autograd
from microgradx.examples.registry import Example, Level, Program
from microgradx.functional import sigmoid, square
from microgradx.graph import scope


def neuron(x1: Any, x2: Any, w1: Any, w2: Any, b: Any, t: Any) -> Any:
    """One logistic unit and its squared error."""
    z = w1 * x1 + w2 * x2 + b
    y = sigmoid(z)
    L = square(y - t)
    return L


def neuron_of_vectors(x: Any, w: Any, b: Any, t: Any) -> Any:
    """The same unit as a layer, its inputs and weights as vectors."""
    with scope("neuron"):
        z = w @ x + b
        y = sigmoid(z)
    with scope("loss"):
        L = square(y - t)
    return L


def build_neuron(level: Level = "scalar") -> Program:
    """Two inputs, two weights, a bias and a target."""
    if level == "tensor":
        vectors = dict(x=Tensor([2.0, -1.0]), w=Tensor([0.5, -1.5]), b=Tensor(-2.0), t=Tensor(1.0, requires_grad=False))
        return Program(neuron_of_vectors, vectors, ("w", "b"))
    arguments = dict(x1=2.0, x2=-1.0, w1=0.5, w2=-1.5, b=-2.0, t=Value(1.0, requires_grad=False))
    return Program(neuron, arguments, ("w1", "w2", "b"))


def two_paths(x: Any) -> Any:
    """2x · x²: x acts twice, so its gradient is a sum of two paths."""
    a = 2 * x
    b = x**2
    L = a * b
    return L


def build_two_paths() -> Program:
    """At x = 3."""
    note = "x reaches L through a and through b; L is 2x³, so the two contributions must add up to 6x² = 54."
    return Program(two_paths, dict(x=3.0), ("x",), (note,), own_numbers=True)


def control_flow(x: Any, n: int) -> Any:
    """An ordinary loop with an if; the graph is what the loop did, so the gradient depends on n."""
    y = Value(1.0, requires_grad=False)
    for i in range(n):
        if 1 < i < 5:
            y = y * x
    return y


def build_control_flow() -> Program:
    """At x = 2 with n = 6; n counts the turns of the loop."""
    note = (
        "the graph holds what ran, not what might have: with n = 6 or 5 it is x³ (gradient 12), with n = 4 it is x² "
        "(gradient 4): try --at n=4."
    )
    return Program(control_flow, dict(x=2.0, n=6), ("x",), (note,), own_numbers=True)


def polynomial(x: Any) -> Any:
    """x³ + 2x + 5, with derivative 3x² + 2."""
    y = x**3 + 2 * x + 5
    return y


def polynomial_of_each(x: Any) -> Any:
    """The same for several x at once: the sum hands 1 to each of them."""
    y = x**3 + 2 * x + 5
    L = y.sum()
    return L


def build_polynomial(level: Level = "scalar") -> Program:
    """At x = 1; at tensor level at 1, 2 and 3 together."""
    if level == "scalar":
        return Program(polynomial, dict(x=1.0), ("x",), ("3x² + 2 is 5 at 1, 14 at 2 and 29 at 3 (--at x=3).",))
    return Program(polynomial_of_each, dict(x=[1.0, 2.0, 3.0]), ("x",))


def second_derivative(x: Any, n: int) -> Any:
    """The slope of xⁿ, written down by the chain rule itself: a graph like any other, so it can be traced again."""
    y = x**n
    (slope,) = autograd.grad(y, x, create_graph=True)
    return slope


def build_second_derivative() -> Program:
    """At x = 1 with n = 3."""
    note = (
        "what is traced is a derivative: for x³ at 1 the slope is 3 and its own slope 6; for x⁴ at 3 both are 108 "
        "(--at x=3 n=4)."
    )
    return Program(second_derivative, dict(x=1.0, n=3), ("x",), (note,))


NEURON = Example("neuron", "one logistic unit with a squared error", build_neuron)
TWO_PATHS = Example("two-paths", "one input, two paths: why gradients accumulate", build_two_paths)
CONTROL_FLOW = Example("control-flow", "a loop with an if: the graph is what really ran", build_control_flow)
POLYNOMIAL = Example("polynomial", "x³ + 2x + 5 at 1, 2, 3", build_polynomial)
SECOND_DERIVATIVE = Example("second-derivative", "the derivative of a derivative", build_second_derivative)
