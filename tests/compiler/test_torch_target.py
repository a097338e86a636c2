"""The target torch: every row and every example gives what the engine gives."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.compiler import CompileError, targets
from tests.compiler.languages import (
    PROGRAMS,
    ROWS,
    check_compiled,
    check_float32,
    check_odd,
    check_row,
    check_small_ids,
    close,
    printed,
    recorded,
    trains_alone,
)

torch = pytest.importorskip(
    "torch", reason='the target torch is tested where PyTorch is: pip install "microgradx[torch]"'
)
ELEMENTWISE = sorted(name for name, op in mx.BOOK.items() if op.elementwise)


@pytest.fixture(autouse=True)
def gradients_as_before():
    before = torch.is_grad_enabled()
    yield
    torch.set_grad_enabled(before)


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_every_row(name, case):
    check_row("torch", name, case)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_odd_numbers(name):
    check_odd("torch", name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_example_trains_as_in_numpy(name):
    close(printed("torch", name), printed("numpy", name))


@pytest.mark.parametrize("name", ["matmul", "relu", "softmax_cross_entropy", "conv", "max_pool"])
def test_float32_stays_float32(name):
    check_float32("torch", name)


def test_a_compiled_function_has_values_and_gradients():
    check_compiled("torch")


def test_ids_of_any_integer_dtype_find_the_same_rows():
    check_small_ids("torch")


def test_its_own_autograd_takes_no_part(tmp_path):
    text = trains_alone("torch", tmp_path / "xor.py")
    assert "  # ∂" in text and "requires_grad" not in text and ".backward(" not in text


def test_an_op_without_a_form_is_named():
    mystery = mx.op("mystery_of_torch(x) = x", lambda x: x + 0, shapes="(n)", linear="x", x=lambda g: g * 1.0)
    try:
        form = recorded(lambda x: mx.functional.sum(mystery(x)), [mx.Tensor([1.0, 2.0])])
        with pytest.raises(CompileError, match="mystery_of_torch, which has no form for torch"):
            targets.target("torch").script(form, {"x0": np.ones(2)}, 3)
    finally:
        mx.BOOK.pop("mystery_of_torch")
