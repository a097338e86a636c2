"""What the tests of the C target share."""

import shutil

import numpy as np
import pytest

from microgradx.compiler.program import raw, record
from microgradx.compiler.to_c import native
from microgradx.graph import Node

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_a_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")


@pytest.fixture(autouse=True, scope="module")
def quick_builds():
    """Only what is built differs with the optimisation level; the tests build several hundred programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "LEVELS", ("-O1", "-O1"))
        yield


def close(a, b, rtol=1e-12):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol / 10)


def leaves(args):
    return [type(a)(a.data, requires_grad=a.requires_grad, name=a.name) if isinstance(a, Node) else a for a in args]


def agrees(function, args):
    """Value, and gradients where there are any, in C and by the engine."""
    fresh = leaves(args)
    result = function(*fresh)
    differentiable = isinstance(result, Node) and result.size == 1 and result.requires_grad
    outputs, gradients, _ = native.native(record(function, args, differentiable).form("f"))(*raw(args))
    for ours, theirs in zip(outputs, result if isinstance(result, tuple) else [result], strict=True):
        close(ours, theirs.data)
        assert np.asarray(ours).dtype == np.asarray(theirs.data).dtype
    if differentiable:
        result.backward()
        found = [node.grad for node in fresh if isinstance(node, Node) and node.grad is not None]
        assert len(found) == len(gradients)
        for ours, theirs in zip(gradients.values(), found, strict=True):
            close(ours, theirs)
