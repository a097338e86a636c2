"""Everything you can compute with: the rows of the rulebook, and short composites of them.

Names, argument order and defaults are PyTorch's; `axis` and `keepdims` are accepted beside `dim` and `keepdim`.
"""

from microgradx.functional.activations import (
    celu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    logsigmoid,
    mish,
    prelu,
    relu6,
    selu,
    silu,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from microgradx.functional.classification import cross_entropy, multi_margin_loss, multilabel_margin_loss, nll_loss
from microgradx.functional.convolution import conv2d
from microgradx.functional.elementwise import (
    addcdiv,
    addcmul,
    clamp,
    frac,
    lerp,
    logit,
    nan_to_num,
    reciprocal,
    rsqrt,
    sinc,
    where,
    xlogy,
)
from microgradx.functional.indexing import (
    diag,
    diag_embed,
    diagonal,
    gather,
    getitem,
    index_add,
    index_put,
    index_select,
    masked_fill,
    masked_select,
    narrow,
    one_hot,
    scatter,
    scatter_add,
    select,
    take,
    take_along_dim,
)
from microgradx.functional.joining import (
    chunk,
    concatenate,
    hstack,
    pad,
    split,
    stack,
    tensor_split,
    unbind,
    vstack,
)
from microgradx.functional.linear_algebra import einsum, matmul
from microgradx.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    l1_penalty,
    l2_penalty,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from microgradx.functional.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multilabel_soft_margin_loss,
    pairwise_distance,
    soft_margin_loss,
    triplet_margin_loss,
)
from microgradx.functional.recurrent import lstm_cell
from microgradx.functional.reductions import max, mean, median, min, norm, prod, std, var
from microgradx.functional.scans import cummax, cummin, cumprod, cumsum, logcumsumexp, sort, topk
from microgradx.functional.shaping import (
    broadcast_to,
    expand,
    flatten,
    flip,
    kron,
    meshgrid,
    movedim,
    permute,
    repeat,
    reshape,
    roll,
    rot90,
    squeeze,
    tile,
    transpose,
    tril,
    triu,
    unflatten,
)
from microgradx.rules.arithmetic import (
    abs,
    add,
    div,
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    power,
    sign,
    square,
    sub,
)
from microgradx.rules.elementary import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    elu,
    erf,
    exp,
    exp2,
    expm1,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    pow,
    relu,
    sigmoid,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)
from microgradx.rules.linear_algebra import dot, mv, outer
from microgradx.rules.reductions import all, amax, amin, any, argmax, argmin, log_softmax, logsumexp, softmax, sum
from microgradx.rules.scans import argsort
from microgradx.rules.shaping import astype, mT, unsqueeze
from microgradx.rules.steps import ceil, copysign, floor, floor_divide, fmod, remainder, round, trunc

cat = concatenate
clip = clamp
eq, ne, gt, ge, lt, le = equal, not_equal, greater, greater_equal, less, less_equal

__all__ = [
    "abs", "acos", "acosh", "add", "addcdiv", "addcmul", "all", "amax", "amin", "any", "argmax", "argmin", "argsort",
    "asin", "asinh", "astype", "atan", "atan2", "atanh", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "broadcast_to", "cat", "ceil", "celu", "chunk", "clamp", "clip", "concatenate", "conv2d", "copysign", "cos", "cosh",
    "cosine_embedding_loss", "cross_entropy", "cummax", "cummin", "cumprod", "cumsum", "diag", "diag_embed", "diagonal",
    "div", "dot", "einsum", "elu", "eq", "equal", "erf", "exp", "exp2", "expand", "expm1", "flatten", "flip", "floor",
    "floor_divide", "fmod", "frac", "gather", "gaussian_nll_loss", "ge", "gelu", "getitem", "glu", "greater",
    "greater_equal", "gt", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hinge_embedding_loss", "hstack",
    "huber_loss", "hypot", "index_add", "index_put", "index_select", "isfinite", "isinf", "isnan", "kl_div", "kron",
    "l1_loss", "l1_penalty", "l2_penalty", "le", "leaky_relu", "lerp", "less", "less_equal", "log", "log1p", "log2",
    "log10", "log_softmax", "logaddexp", "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor",
    "logit", "logsigmoid", "logsumexp", "lstm_cell", "lt", "mT", "margin_ranking_loss", "masked_fill", "masked_select",
    "matmul", "max", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mish", "movedim", "mse_loss", "mul",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "mv", "nan_to_num", "narrow", "ne",
    "neg", "nll_loss", "norm", "not_equal", "one_hot", "outer", "pad", "pairwise_distance", "permute",
    "poisson_nll_loss", "pow", "power", "prelu", "prod", "reciprocal", "relu", "relu6", "remainder", "repeat",
    "reshape", "roll", "rot90", "round", "rsqrt", "scatter", "scatter_add", "select", "selu", "sigmoid", "sign", "silu",
    "sin", "sinc", "sinh", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "sub", "sum", "take", "take_along_dim",
    "tan", "tanh", "tanhshrink", "tensor_split", "threshold", "tile", "topk", "transpose", "tril",
    "triplet_margin_loss", "triu", "trunc", "unbind", "unflatten", "unsqueeze", "var", "vstack", "where", "xlogy",
]  # fmt: skip
