"""Everything you can compute with: the rows of the rulebook, and short composites of them.

Names, argument order and defaults are PyTorch's, and so are the words for arguments; `axis` and `keepdims` are accepted
beside `dim` and `keepdim`, and our letters (`x`, `a`, `b`, `t`) beside `input`, `other`, `target`. What PyTorch refuses
is refused here. Dtypes go together as PyTorch's do (`microgradx/rules/lifting.py` says how), in NumPy's functions on
tensors too: float32 stays beside Python's and NumPy's numbers, single numbers (shape ()) and whole numbers. Defaults
that differ, on purpose:

    softmax, log_softmax, softmin       the last axis; PyTorch warns, and takes 0 or 1 by the number of axes
    logsumexp                           all axes, as in every other reduction; PyTorch asks for dim
    softplus                            no threshold: exact for every x; PyTorch gives x itself above 20
    avg_pool1d, avg_pool2d              the border counts, but not with padding="same", as in Keras
    transpose                           without axes it reverses all of them, as in NumPy
    lstm, gru                           one layer, one direction, biases; PyTorch's functions ask for all of them
"""

from microgradx.functional.activations import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
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
from microgradx.functional.attention import (
    cosine_similarity,
    embedding,
    scaled_dot_product_attention,
)
from microgradx.functional.classification import cross_entropy, multi_margin_loss, multilabel_margin_loss, nll_loss
from microgradx.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    convolve,
    correlate,
)
from microgradx.functional.elementwise import (
    add,
    addcdiv,
    addcmul,
    allclose,
    clamp,
    div,
    equal,
    frac,
    isclose,
    lerp,
    logit,
    nan_to_num,
    reciprocal,
    rsqrt,
    sinc,
    sub,
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
from microgradx.functional.indexing import trace as trace  # not in __all__: mx.trace is the tracer
from microgradx.functional.inputs import astype, single_too
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
from microgradx.functional.linear_algebra import (
    addmm,
    bilinear,
    bmm,
    einsum,
    linear,
    matmul,
    tensordot,
)
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
from microgradx.functional.normalization import (
    batch_norm,
    dropout,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from microgradx.functional.norms import norm
from microgradx.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from microgradx.functional.recurrent import (
    gru,
    gru_cell,
    lstm,
    lstm_cell,
    rnn,
    rnn_cell,
)
from microgradx.functional.reductions import log_softmax, max, mean, median, min, prod, softmax, std, sum, var
from microgradx.functional.resampling import (
    fold,
    interpolate,
    pixel_shuffle,
    unfold,
)
from microgradx.functional.scans import argsort, cummax, cummin, cumprod, cumsum, logcumsumexp, sort, topk
from microgradx.functional.shaping import (
    broadcast_to,
    expand,
    flatten,
    flip,
    kron,
    meshgrid,
    movedim,
    permute,
    ravel,
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
    unsqueeze,
)
from microgradx.rules.arithmetic import (
    abs,
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
)
from microgradx.rules.arithmetic import equal as eq
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
    erf,
    exp,
    exp2,
    expm1,
    hypot,
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
from microgradx.rules.reductions import all, amax, amin, any, argmax, argmin, logsumexp
from microgradx.rules.shaping import mT
from microgradx.rules.steps import ceil, copysign, floor, floor_divide, fmod, remainder, round, trunc
from microgradx.rules.words import both_words

cat = concatenate
clip = clamp
ne, gt, ge, lt, le = not_equal, greater, greater_equal, less, less_equal

__all__ = [
    "abs", "acos", "acosh", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "add", "addcdiv", "addcmul", "addmm", "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "argsort",
    "asin", "asinh", "astype", "atan", "atan2", "atanh", "avg_pool1d", "avg_pool2d", "batch_norm", "bilinear",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "bmm", "broadcast_to", "cat", "ceil", "celu", "chunk",
    "clamp", "clip", "concatenate", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "convolve",
    "copysign", "correlate", "cos", "cosh", "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "cummax",
    "cummin", "cumprod", "cumsum", "diag", "diag_embed", "diagonal", "div", "dot", "dropout", "einsum", "elu",
    "embedding", "eq", "equal", "erf", "exp", "exp2", "expand", "expm1", "flatten", "flip", "floor", "floor_divide",
    "fmod", "fold", "frac", "gather", "gaussian_nll_loss", "ge", "gelu", "getitem", "glu", "greater", "greater_equal",
    "group_norm", "gru", "gru_cell", "gt", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hinge_embedding_loss",
    "hstack", "huber_loss", "hypot", "index_add", "index_put", "index_select", "instance_norm", "interpolate",
    "isclose", "isfinite", "isinf", "isnan", "kl_div", "kron", "l1_loss", "l1_penalty", "l2_penalty", "layer_norm",
    "le", "leaky_relu", "lerp", "less", "less_equal", "linear", "log", "log1p", "log2", "log10", "log_softmax",
    "logaddexp", "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logsigmoid",
    "logsumexp", "lstm", "lstm_cell", "lt", "mT", "margin_ranking_loss", "masked_fill", "masked_select", "matmul",
    "max", "max_pool1d", "max_pool2d", "maximum", "mean", "median", "meshgrid", "min", "minimum", "mish", "movedim",
    "mse_loss", "mul", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "mv", "nan_to_num",
    "narrow", "ne", "neg", "nll_loss", "norm", "not_equal", "one_hot", "outer", "pad", "pairwise_distance", "permute",
    "pixel_shuffle", "poisson_nll_loss", "pow", "power", "prelu", "prod", "ravel", "reciprocal", "relu", "relu6",
    "remainder", "repeat", "reshape", "rms_norm", "rnn", "rnn_cell", "roll", "rot90", "round", "rsqrt",
    "scaled_dot_product_attention", "scatter", "scatter_add", "select", "selu", "sigmoid", "sign", "silu", "sin",
    "sinc", "sinh", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink", "softsign",
    "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "sub", "sum", "take", "take_along_dim", "tan", "tanh",
    "tanhshrink", "tensor_split", "tensordot", "threshold", "tile", "topk", "transpose", "tril", "triplet_margin_loss",
    "triu", "trunc", "unbind", "unflatten", "unfold", "unsqueeze", "var", "vstack", "where", "xlogy",
]  # fmt: skip

for _name in (*__all__, "trace"):
    globals()[_name] = both_words(globals()[_name])
for _name in (
    "argsort", "cummax", "cummin", "cumprod", "cumsum", "logcumsumexp", "mean", "median", "prod", "sort", "std", "topk",
    "var",
):  # fmt: skip
    globals()[_name] = single_too(globals()[_name])
