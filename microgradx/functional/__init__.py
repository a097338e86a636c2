"""Everything you can compute with: the rows of the rulebook, and short composites of them.

Names, argument order and defaults are PyTorch's; `axis` and `keepdims` are accepted beside `dim` and `keepdim`.
"""

from microgradx.functional.convolution import conv2d
from microgradx.functional.linear_algebra import einsum, matmul
from microgradx.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)
from microgradx.functional.recurrent import lstm_cell
from microgradx.functional.reductions import max, min, std
from microgradx.functional.shaping import (
    broadcast_to,
    concatenate,
    getitem,
    pad,
    permute,
    reshape,
    stack,
    transpose,
)
from microgradx.rules.arithmetic import (
    abs,
    add,
    clip,
    div,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    power,
    sign,
    square,
    sub,
    where,
)
from microgradx.rules.elementary import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    elu,
    exp,
    expm1,
    leaky_relu,
    log,
    log1p,
    pow,
    relu,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
)
from microgradx.rules.linear_algebra import dot, mv, outer
from microgradx.rules.losses import one_hot
from microgradx.rules.reductions import amax, amin, log_softmax, logsumexp, mean, softmax, sum, var
from microgradx.rules.shaping import astype, flip, mT, squeeze, unsqueeze

cat = concatenate
clamp = clip

__all__ = [name for name in dir() if not name.startswith("_")]
