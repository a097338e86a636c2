"""Depth is no limit: chains far beyond Python's recursion limit differentiate, second order too, and are freed."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest

import microgradx as mx

DEPTH = 100_000


@pytest.mark.parametrize("keep", ["all", "leaves"])
def test_a_chain_of_a_hundred_thousand_values(keep):
    x = mx.Value(1.0)
    y = x
    for _ in range(DEPTH):
        y = y + 1e-5
    assert 50 * sys.getrecursionlimit() < DEPTH
    y.backward(keep=keep)
    assert x.grad == 1.0


def test_a_chain_of_a_million_values():
    x = mx.Value(1.0)
    y = x
    for _ in range(1_000_000):
        y = -y
    y.backward(keep="leaves")
    assert x.grad == 1.0


def test_a_chain_of_tensors():
    x = mx.Tensor(np.ones(2))
    y = x
    for _ in range(DEPTH):
        y = y * 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_every_second_node_is_used_twice_so_paths_double_but_work_does_not():
    x = mx.Value(1.0)
    y = x
    for _ in range(60):
        y = (y + y) * 0.5  # 2^60 paths from the end to x
    y.backward()
    assert x.grad == pytest.approx(1.0)


def test_second_derivative_of_a_deep_chain():
    def f(x):
        y = x
        for _ in range(20_000):
            y = y * 1.00001
        return y * y

    assert mx.grad(mx.grad(f))(1.0).data == pytest.approx(2 * 1.00001**40_000)


def test_a_deep_graph_is_freed_without_recursion_even_on_a_small_stack():
    """Letting go of the last node frees the chain link by link; a recursive free would overflow this stack."""
    freed = threading.Event()

    def build_and_drop():
        x = mx.Value(1.0)
        y = x
        for _ in range(DEPTH):
            y = y * 1.0
        y.backward()
        del y
        gc.collect()
        freed.set()

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=build_and_drop)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert freed.is_set()


def test_keeping_only_leaves_lets_the_inner_nodes_go():
    class Data(np.ndarray):
        """Arrays that can be watched."""

    x = mx.Tensor(np.ones(3))
    y = x * 2.0
    y.data = y.data.view(Data)
    alive = weakref.ref(y.data)
    z = y.sum()
    z.backward(keep="leaves")
    del y
    assert alive() is None
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
