"""Rows that PyTorch has no single function for; `shared` copies their source into programs."""

from typing import Any

import torch

from microgradx.rules.convolution import Window, core, slabs


def winners(x: Any, axis: Any) -> Any:
    """1 for the largest, 0 for others; those that tie share it."""
    if axis is None:
        best = (x == x.max()).to(x.dtype)
        return best / best.sum()
    best = (x == torch.amax(x, dim=axis, keepdim=True)).to(x.dtype)
    return best / torch.sum(best, dim=axis, keepdim=True)


def cumargmax(x: Any, axis: int) -> Any:
    """Where the largest so far stands; of equal ones the last."""
    x = torch.movedim(x, axis, -1)
    new = (x == torch.cummax(x, -1).values) | torch.isnan(x)
    places = torch.cummax(torch.where(new, torch.arange(x.shape[-1]), 0), -1).values
    return torch.movedim(places, -1, axis)


def argmedian(x: Any, axis: int) -> Any:
    """Where the lower median stands; a nan, where there is one."""
    middle = torch.argsort(x, dim=axis, stable=True).narrow(axis, (x.shape[axis] - 1) // 2, 1)
    unknown = torch.isnan(x)
    first = torch.argmax(unknown.to(torch.int8), dim=axis, keepdim=True)
    return torch.where(torch.any(unknown, dim=axis, keepdim=True), first, middle)


def scatter(x: Any, key: Any, shape: Any) -> Any:
    """Zeros with x added at the places of the key."""
    places = torch.arange(torch.Size(shape).numel()).reshape(shape)[key]
    return torch.zeros(torch.Size(shape).numel(), dtype=x.dtype).index_add(0, places.ravel(), x.ravel()).reshape(shape)


def convolution(n: int) -> Any:
    """PyTorch's function for n spatial axes."""
    return (torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d)[n - 1]


def conv(x: Any, w: Any, how: Window) -> Any:
    """Cross-correlation, (batch, channels, *size) with (out, channels // groups, *kernel)."""
    x = padded(x, how, 0.0)
    return convolution(w.ndim - 2)(x, w, stride=how.stride, dilation=how.dilation, groups=how.groups)


def conv_transpose(u: Any, w: Any, size: Any, how: Window) -> Any:
    """Each entry of u puts its kernel down; where kernels overlap they add up."""
    F = torch.nn.functional
    run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(size) - 1]
    y = run(u, w, stride=how.stride, dilation=how.dilation, groups=how.groups)
    pads = []
    for k in reversed(range(len(size))):
        before = how.padding[k][0]
        pads += [-before, size[k] + before - y.shape[2 + k]]
    return torch.nn.functional.pad(y, pads)


def conv_weight(u: Any, x: Any, kernel: Any, how: Window) -> Any:
    """The map u slid over x: what each weight of the kernel met."""
    x, run = padded(x, how, 0.0), convolution(len(kernel))
    parts = [
        run(xs.swapaxes(0, 1), us.swapaxes(0, 1), stride=how.dilation, dilation=how.stride).swapaxes(0, 1)
        for xs, us in zip(torch.chunk(x, how.groups, dim=1), torch.chunk(u, how.groups, dim=1))
    ]
    cut: Any = tuple(slice(0, k) for k in kernel)
    return torch.cat(parts)[(..., *cut)]


def padded(x: Any, how: Window, value: float) -> Any:
    """With a border of `value`."""
    flat = [n for pair in reversed(how.padding) for n in pair]
    return torch.nn.functional.pad(x, flat, value=value) if any(flat) else x


def places_in(x: Any, kernel: Any, how: Window) -> Any:
    """How many places the kernel visits along each axis of the padded x."""
    return tuple(
        (size - d * (k - 1) - 1) // s + 1 for size, k, s, d in zip(x.shape[2:], kernel, how.stride, how.dilation)
    )


def windows(x: Any, kernel: Any, how: Window) -> Any:
    """Every patch: (batch, channels, *places, *kernel)."""
    x = padded(x, how, 0.0)
    out = places_in(x, kernel, how)
    parts = [x[(..., *place)] for _, place in slabs(kernel, out, how)]
    return torch.stack(parts, dim=-1).reshape(*x.shape[:2], *out, *kernel)


def overlap_add(u: Any, size: Any, how: Window) -> Any:
    """Patches put back, adding where they overlap."""
    n = len(size)
    kernel, out = u.shape[2 + n :], u.shape[2 : 2 + n]
    x = torch.zeros((*u.shape[:2], *(s + sum(p) for s, p in zip(size, how.padding))), dtype=u.dtype)
    for at, place in slabs(kernel, out, how):
        x[(..., *place)] += u[(..., *at)]
    return x[(..., *core(size, how))]


def max_pool(x: Any, kernel: Any, how: Window) -> Any:
    """The largest entry of each window."""
    x = padded(x, how, -torch.inf)
    parts = [x[(..., *place)] for _, place in slabs(kernel, places_in(x, kernel, how), how)]
    return torch.amax(torch.stack(parts), dim=0)


def winner(x: Any, kernel: Any, how: Window) -> Any:
    """The place of the largest entry in each window, or of its nan; of equal ones the first, the border never."""
    best = max_pool(x, kernel, how)
    inside, x = padded(torch.ones_like(x), how, 0), padded(x, how, -torch.inf)
    wins = [
        (inside[(..., *place)] != 0) & ((x[(..., *place)] == best) | (x[(..., *place)] != x[(..., *place)]))
        for _, place in slabs(kernel, best.shape[2:], how)
    ]
    return torch.argmax(torch.stack(wins).to(torch.uint8), dim=0)


def pool_take(x: Any, k: Any, kernel: Any, how: Window) -> Any:
    """From each window, the entry at place k."""
    x = padded(x, how, 0.0)
    y = torch.zeros(k.shape, dtype=x.dtype)
    for number, (_, place) in enumerate(slabs(kernel, k.shape[2:], how)):
        y = torch.where(k == number, x[(..., *place)], y)
    return y


def pool_put(u: Any, k: Any, size: Any, kernel: Any, how: Window) -> Any:
    """Into each window, at place k; where windows overlap they add up."""
    x = torch.zeros((*u.shape[:2], *(s + sum(p) for s, p in zip(size, how.padding))), dtype=u.dtype)
    for number, (_, place) in enumerate(slabs(kernel, u.shape[2:], how)):
        x[(..., *place)] += u * (k == number)
    return x[(..., *core(size, how))]


def signs(V: Any) -> Any:
    """What makes the largest entry of each column positive."""
    at = torch.argmax(torch.abs(V), dim=-2, keepdim=True)
    return torch.where(torch.gather(V, -2, at) < 0, -1.0, 1.0).to(V.dtype)


def cofactor(A: Any) -> Any:
    """det(A) A⁻ᵀ, for singular A too."""
    U, s, Vh = torch.linalg.svd(A)
    others = torch.where(torch.eye(s.shape[-1], dtype=torch.bool), 1, s[..., None, :]).prod(dim=-1)
    sign = torch.linalg.det(U) * torch.linalg.det(Vh)
    return sign[..., None, None] * ((U * others[..., None, :]) @ Vh)


def minors(A: Any, G: Any) -> Any:
    """The gradient of ⟨G, cofactor(A)⟩, for singular A too."""
    U, s, Vh = torch.linalg.svd(A)
    turned, one = U.mT @ G @ Vh.mT, torch.eye(s.shape[-1], dtype=torch.bool)
    others = torch.where(one[:, None] | one, 1, s[..., None, None, :]).prod(dim=-1)
    moved = one * (others @ torch.diagonal(turned, dim1=-2, dim2=-1)[..., None]) - others * turned.mT
    sign = torch.linalg.det(U) * torch.linalg.det(Vh)
    return sign[..., None, None] * (U @ moved @ Vh)


def qr(A: Any) -> Any:
    """[Q; Rᵀ], the diagonal of R positive."""
    Q, R = torch.linalg.qr(A)
    up = torch.where(torch.diagonal(R, dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(A.dtype)[..., None, :]
    return torch.cat([Q * up, R.mT * up], dim=-2)


def eigh(A: Any) -> Any:
    """[w; V]"""
    w, V = torch.linalg.eigh(0.5 * (A + A.mT))
    return torch.cat([w[..., None, :], V * signs(V)], dim=-2)


def svd(A: Any) -> Any:
    """[U; s; V]"""
    U, s, Vh = torch.linalg.svd(A, full_matrices=False)
    return torch.cat([U * signs(U), s[..., None, :], Vh.mT * signs(U)], dim=-2)
