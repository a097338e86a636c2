"""Rows that JAX has no single function for; `shared` copies their source into programs."""

from typing import Any

import jax
import jax.numpy as jnp

from microgradx.rules.convolution import Window, core, slabs


def winners(x: Any, axis: Any) -> Any:
    """1 for the largest, 0 for others; those that tie share it."""
    best = (x == jnp.max(x, axis=axis, keepdims=True)).astype(x.dtype)
    return best / jnp.sum(best, axis=axis, keepdims=True)


def softmax_cross_entropy(x: Any, t: Any) -> Any:
    """log Σ exp(x) - x[t]"""
    return jax.scipy.special.logsumexp(x, axis=-1) - jnp.take_along_axis(x, t[..., None], axis=-1)[..., 0]


def cumargmax(x: Any, axis: int) -> Any:
    """Where the largest so far stands; of equal ones the last."""
    x = jnp.moveaxis(x, axis, -1)
    new = (x == jax.lax.cummax(x, axis=x.ndim - 1)) | jnp.isnan(x)
    places = jax.lax.cummax(jnp.where(new, jnp.arange(x.shape[-1]), 0), axis=x.ndim - 1)
    return jnp.moveaxis(places, -1, axis)


def argmedian(x: Any, axis: int) -> Any:
    """Where the lower median stands; a nan, where there is one."""
    middle = jnp.take(jnp.argsort(x, axis, stable=True), jnp.array([(x.shape[axis] - 1) // 2]), axis)
    unknown = jnp.isnan(x)
    return jnp.where(jnp.any(unknown, axis, keepdims=True), jnp.argmax(unknown, axis, keepdims=True), middle)


def put_along(u: Any, k: Any, axis: int, size: int) -> Any:
    """Zeros, with u added at the places k of the axis."""
    axis = axis % u.ndim
    places = [*jnp.indices(k.shape, sparse=True)]
    places[axis] = k.astype(int)
    return jnp.zeros((*u.shape[:axis], size, *u.shape[axis + 1 :]), u.dtype).at[tuple(places)].add(u)


def conv(x: Any, w: Any, how: Window) -> Any:
    """Cross-correlation, (batch, channels, *size) with (out, channels // groups, *kernel)."""
    return jax.lax.conv_general_dilated(
        x, w, how.stride, how.padding, rhs_dilation=how.dilation, feature_group_count=how.groups
    )


def conv_transpose(u: Any, w: Any, size: Any, how: Window) -> Any:
    """Each entry of u puts its kernel down; where kernels overlap they add up."""
    n, kernel, out = len(size), w.shape[2:], u.shape[2:]
    turned = w.reshape(how.groups, -1, *w.shape[1:]).swapaxes(1, 2)
    turned = jnp.flip(turned.reshape(-1, *turned.shape[2:]), tuple(range(2, 2 + n)))
    pads = []
    for k in range(n):
        reach = how.dilation[k] * (kernel[k] - 1) + 1
        before = reach - 1 - how.padding[k][0]
        pads.append((before, size[k] - (how.stride[k] * (out[k] - 1) + 1) - before + reach - 1))
    return jax.lax.conv_general_dilated(
        u, turned, (1,) * n, pads, lhs_dilation=how.stride, rhs_dilation=how.dilation, feature_group_count=how.groups
    )


def conv_weight(u: Any, x: Any, kernel: Any, how: Window) -> Any:
    """The map u slid over x: what each weight of the kernel met."""
    pads = []
    for k, size in enumerate(x.shape[2:]):
        before = how.padding[k][0]
        reach = how.dilation[k] * (kernel[k] - 1) + how.stride[k] * (u.shape[2 + k] - 1) + 1
        pads.append((before, reach - size - before))
    parts = [
        jax.lax.conv_general_dilated(
            xs.swapaxes(0, 1), us.swapaxes(0, 1), how.dilation, pads, rhs_dilation=how.stride
        ).swapaxes(0, 1)
        for xs, us in zip(jnp.split(x, how.groups, axis=1), jnp.split(u, how.groups, axis=1))
    ]
    return jnp.concatenate(parts)


def padded(x: Any, how: Window, value: Any) -> Any:
    """With a border of `value`."""
    return jnp.pad(x, ((0, 0), (0, 0), *how.padding), constant_values=value)


def windows(x: Any, kernel: Any, how: Window) -> Any:
    """Every patch: (batch, channels, *places, *kernel)."""
    x = padded(x, how, 0)
    out = places_in(x, kernel, how)
    parts = [x[(..., *place)] for _, place in slabs(kernel, out, how)]
    return jnp.stack(parts, axis=-1).reshape(*x.shape[:2], *out, *kernel)


def places_in(x: Any, kernel: Any, how: Window) -> Any:
    """How many places the kernel visits along each axis of the padded x."""
    return tuple(
        (size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(x.shape[2:], kernel, how.stride, how.dilation)
    )


def overlap_add(u: Any, size: Any, how: Window) -> Any:
    """Patches put back, adding where they overlap."""
    n = len(size)
    kernel, out = u.shape[2 + n :], u.shape[2 : 2 + n]
    x = jnp.zeros((*u.shape[:2], *(s + sum(p) for s, p in zip(size, how.padding))), u.dtype)
    for at, place in slabs(kernel, out, how):
        x = x.at[(..., *place)].add(u[(..., *at)])
    return x[(..., *core(size, how))]


def max_pool(x: Any, kernel: Any, how: Window) -> Any:
    """The largest entry of each window."""
    x = padded(x, how, -jnp.inf)
    parts = [x[(..., *place)] for _, place in slabs(kernel, places_in(x, kernel, how), how)]
    return jnp.max(jnp.stack(parts), axis=0)


def winner(x: Any, kernel: Any, how: Window) -> Any:
    """The place of the largest entry in each window, or of its nan; of equal ones the first, the border never."""
    best = max_pool(x, kernel, how)
    inside, x = padded(jnp.ones_like(x), how, 0), padded(x, how, -jnp.inf)
    wins = [
        (inside[(..., *place)] != 0) & ((x[(..., *place)] == best) | (x[(..., *place)] != x[(..., *place)]))
        for _, place in slabs(kernel, best.shape[2:], how)
    ]
    return jnp.argmax(jnp.stack(wins), axis=0)


def pool_take(x: Any, k: Any, kernel: Any, how: Window) -> Any:
    """From each window, the entry at place k."""
    x = padded(x, how, 0)
    y = jnp.zeros(k.shape, x.dtype)
    for number, (_, place) in enumerate(slabs(kernel, k.shape[2:], how)):
        y = jnp.where(k == number, x[(..., *place)], y)
    return y


def pool_put(u: Any, k: Any, size: Any, kernel: Any, how: Window) -> Any:
    """Into each window, at place k; where windows overlap they add up."""
    x = jnp.zeros((*u.shape[:2], *(s + sum(p) for s, p in zip(size, how.padding))), u.dtype)
    for number, (_, place) in enumerate(slabs(kernel, u.shape[2:], how)):
        x = x.at[(..., *place)].add(u * (k == number))
    return x[(..., *core(size, how))]


def signs(V: Any) -> Any:
    """What makes the largest entry of each column positive."""
    at = jnp.argmax(jnp.abs(V), axis=-2, keepdims=True)
    return jnp.where(jnp.take_along_axis(V, at, axis=-2) < 0, -1.0, 1.0).astype(V.dtype)


def cofactor(A: Any) -> Any:
    """det(A) A⁻ᵀ, for singular A too."""
    U, s, Vh = jnp.linalg.svd(A)
    others = jnp.prod(jnp.where(jnp.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    sign = jnp.linalg.det(U) * jnp.linalg.det(Vh)
    return sign[..., None, None] * ((U * others[..., None, :]) @ Vh)


def minors(A: Any, G: Any) -> Any:
    """The gradient of ⟨G, cofactor(A)⟩, for singular A too."""
    U, s, Vh = jnp.linalg.svd(A)
    turned, one = U.mT @ G @ Vh.mT, jnp.eye(s.shape[-1], dtype=bool)
    others = jnp.prod(jnp.where(one[:, None] | one, 1, s[..., None, None, :]), axis=-1)
    moved = one * (others @ jnp.diagonal(turned, axis1=-2, axis2=-1)[..., None]) - others * turned.mT
    sign = jnp.linalg.det(U) * jnp.linalg.det(Vh)
    return sign[..., None, None] * (U @ moved @ Vh)


def qr(A: Any) -> Any:
    """[Q; Rᵀ], the diagonal of R positive."""
    Q, R = jnp.linalg.qr(A)
    up = jnp.where(jnp.diagonal(R, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., None, :]
    return jnp.concatenate([Q * up, R.mT * up], axis=-2)


def eigh(A: Any) -> Any:
    """[w; V]"""
    w, V = jnp.linalg.eigh(0.5 * (A + A.mT))
    return jnp.concatenate([w[..., None, :], V * signs(V)], axis=-2)


def svd(A: Any) -> Any:
    """[U; s; V]"""
    U, s, Vh = jnp.linalg.svd(A, full_matrices=False)
    return jnp.concatenate([U * signs(U), s[..., None, :], Vh.mT * signs(U)], axis=-2)
