"""Composites of products: vectors promoted to matrices, einsum in all its spellings."""

from typing import Any

import numpy as np

from microgradx.graph import OpError, Tensor
from microgradx.rules import linear_algebra as rows
from microgradx.rules.linear_algebra import explicit_spec
from microgradx.rules.shaping import squeeze, unsqueeze


def matmul(A: Any, B: Any) -> Any:
    """`A @ B` with NumPy's rules: vectors, matrices, and batches of matrices (leading axes broadcast)."""
    n, m = np.ndim(getattr(A, "data", A)), np.ndim(getattr(B, "data", B))
    if n >= 2 and m >= 2:
        return rows.matmul(A, B)
    if n == 0 or m == 0:
        raise OpError("matmul needs vectors or matrices; to scale by a number use *.")
    if n == m == 1:
        return rows.dot(A, B)
    if n == 2 and m == 1:
        return rows.mv(A, B)
    if m == 1:
        return squeeze(rows.matmul(A, unsqueeze(B, -1)), -1)
    if m == 2:
        return rows.mv(_tensor(B).mT, A)
    return squeeze(rows.matmul(unsqueeze(A, 0), B), -2)


def _tensor(x: Any) -> Any:
    return x if isinstance(x, Tensor) else Tensor(x, requires_grad=False)


def einsum(spec: str, *xs: Any) -> Any:
    """Einstein's summation, as `np.einsum`: `einsum("ij,jk->ik", A, B)`; '...' and implicit outputs too."""
    nodes = [_tensor(x) for x in xs]
    try:
        full = explicit_spec(spec, [x.shape for x in nodes])
    except ValueError as problem:
        raise OpError(f"einsum: {problem}.") from None
    left, out = full.split("->")
    terms, extra = left.split(","), []
    spare = iter([c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in full])
    for k, term in enumerate(terms):
        for c in sorted(set(term)):
            while terms[k].count(c) > 1:  # a diagonal: meet an identity matrix instead
                new = next(spare)
                size = nodes[k].shape[terms[k].rindex(c)]
                at = terms[k].rindex(c)
                terms[k] = terms[k][:at] + new + terms[k][at + 1 :]
                extra.append((c + new, np.eye(size, dtype=nodes[k].dtype)))
    sizes: dict[str, int] = {}
    for term, node in zip(terms, nodes, strict=True):
        for c, size in zip(term, node.shape, strict=True):
            sizes[c] = size if sizes.get(c, 1) == 1 else sizes[c]
    stretched = [x.broadcast_to(tuple(sizes[c] for c in term)) for x, term in zip(nodes, terms, strict=True)]
    spec = ",".join([*terms, *(t for t, _ in extra)]) + "->" + out
    return rows.einsum_row(*stretched, *(e for _, e in extra), spec=spec)
