"""How a derivative is found, line by line: each line is an expression equal to the derivative, and why.

The lines use x (the input) and y (the output); the tests check that every line has the value of the rule.
An op without an entry is explained by its difference quotient alone.
"""

DERIVATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "sigmoid": (
        ("exp(-x) / (1 + exp(-x)) ** 2", "y = 1 / (1 + e^(−x)): the chain rule on a reciprocal"),
        ("1 / (1 + exp(-x)) * (exp(-x) / (1 + exp(-x)))", "split the square into two factors"),
        ("y * (1 - y)", "the first factor is y; the second is 1 − y, because the two add up to 1"),
        ("1 / (1 / y + 1 / (1 - y))", "the same from the odds: y / (1 − y) = e^x, so x = log y − log(1 − y), the "
         "logit; dx/dy = 1/y + 1/(1 − y), and dy/dx is one over that"),
    ),
    "tanh": (
        ("(cosh(x) * cosh(x) - sinh(x) * sinh(x)) / cosh(x) ** 2", "y = sinh x / cosh x: the quotient rule"),
        ("1 - (sinh(x) / cosh(x)) ** 2", "divide term by term"),
        ("1 - y ** 2", "the square is y²"),
    ),
    "exp": (("y", "e^(x+h) = e^x · e^h, and (e^h − 1) / h goes to 1: the slope is the value itself"),),
    "log": (
        ("1 / exp(y)", "x = e^y; turn dx/dy = e^y over"),
        ("1 / x", "e^y is x"),
    ),
    "sqrt": (
        ("1 / (2 * y)", "y² = x; differentiate both sides: 2·y·dy = dx"),
        ("0.5 / y", "the same, written with one division"),
    ),
    "square": (("x + x", "x · x: the product rule, each factor once"), ("2 * x", "two equal terms")),
    "tan": (
        ("(cos(x) * cos(x) + sin(x) * sin(x)) / cos(x) ** 2", "y = sin x / cos x: the quotient rule"),
        ("1 + (sin(x) / cos(x)) ** 2", "divide term by term"),
        ("1 + y ** 2", "the square is y²"),
    ),
    "asin": (
        ("1 / cos(y)", "x = sin y; turn dx/dy = cos y over"),
        ("1 / sqrt(1 - x ** 2)", "cos y = √(1 − sin² y), and sin y is x"),
    ),
    "atan": (
        ("1 / (1 + tan(y) ** 2)", "x = tan y; turn dx/dy = 1 + tan² y over"),
        ("1 / (1 + x ** 2)", "tan y is x"),
    ),
    "softplus": (
        ("exp(x) / (1 + exp(x))", "y = log(1 + e^x): the chain rule, log first"),
        ("1 / (1 + exp(-x))", "divide above and below by e^x: the sigmoid"),
    ),
    "log1p": (("1 / (1 + x)", "log's 1 / u at u = 1 + x, times du/dx = 1"),),
    "expm1": (("exp(x)", "the constant −1 has no slope"), ("y + 1", "e^x is y + 1")),
}  # fmt: skip
