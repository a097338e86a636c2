"""Functions that an emitted C program brings along where C's own library has none; each is written only when used."""

import re

from microgradx.compiler.to_c.functions import FAST

HELPERS = {
    "sigmoid": """double sigmoid(double x) {
    const double e = exp(-fabs(x));  // never above 1: nothing overflows
    return (x >= 0 ? 1 : e) / (1 + e);
}""",
    "softplus": "double softplus(double x) { return maximum(x, 0) + log1p(exp(-fabs(x))); }",
    "relu": "double relu(double x) { return x > 0 || x != x ? x : 0; }",
    "leaky_relu": "double leaky_relu(double x, double slope) { return x > 0 ? x : slope * x; }",
    "elu": "double elu(double x, double alpha) { return x > 0 ? x : alpha * expm1(x); }",
    "log_floor": """double log_floor(double p) {
    return maximum(log(p), -100);  // a wrong certainty costs 100, not infinity
}""",
    "bce": "double bce(double p, double t) { return -(t * log_floor(p) + (1 - t) * log_floor(1 - p)); }",
    "bce_with_logits": """double bce_with_logits(double z, double t) {
    return maximum(z, 0) - z * t + log1p(exp(-fabs(z)));
}""",
    "maximum": "double maximum(double a, double b) { return a > b || a != a ? a : b; }",  # nan wins, as in NumPy
    "minimum": "double minimum(double a, double b) { return a < b || a != a ? a : b; }",
    "square": "double square(double x) { return x * x; }",
    "sign": "double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }",
    "over": "double over(double x) { return x != 0 ? 1 / x : 0; }",
    "logaddexp": """double logaddexp(double a, double b) {
    return a == b ? a + log(2.0) : maximum(a, b) + log1p(exp(-fabs(a - b)));
}""",
    "remainder_of": """double remainder_of(double a, double b) {  // with the sign of b, as in Python
    const double r = fmod(a, b);
    return r == 0 ? copysign(0.0, b) : (r < 0) != (b < 0) ? r + b : r;
}""",
    "floor_divide": """double floor_divide(double a, double b) {  // a / b rounded down; exact, as in Python
    if (b == 0) return a / b;
    const double r = fmod(a, b);
    double q = (a - r) / b;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1;
    return q == 0 ? copysign(0.0, a / b) : q - floor(q) > 0.5 ? floor(q) + 1 : floor(q);
}""",
    **FAST,
}


def helpers(body: str) -> str:
    """The source of every helper that `body` calls, and of those that they call in turn."""
    needed: list[str] = []
    called = [name for name in HELPERS if re.search(rf"\b{name}\(", body)]
    while called:
        name = called.pop()
        if name in needed:
            needed.remove(name)  # it must stand before all that call it
        needed.insert(0, name)
        called += [other for other in HELPERS if other != name and re.search(rf"\b{other}\(", HELPERS[name])]
    # What is made for loops must be written into them; compilers leave it outside where the program is long.
    inline = "static inline __attribute__((always_inline))"
    return "\n\n".join(f"{inline if name in FAST else 'static'} {HELPERS[name]}" for name in needed)
