"""The target jax: every row and every example gives what the engine gives."""

import numpy as np
import pytest

import microgradx as mx
from microgradx.compiler import CompileError, targets
from microgradx.compiler.to_arrays.shared import Language
from microgradx.data.library import MissingExtraError
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

jax = pytest.importorskip("jax", reason='the target jax is tested where JAX is: pip install "microgradx[jax]"')
ELEMENTWISE = sorted(name for name, op in mx.BOOK.items() if op.elementwise)


@pytest.fixture(autouse=True)
def float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(("name", "case"), ROWS)
def test_every_row(name, case):
    check_row("jax", name, case)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_odd_numbers(name):
    check_odd("jax", name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_example_trains_as_in_numpy(name):
    close(printed("jax", name), printed("numpy", name))


@pytest.mark.parametrize("name", ["matmul", "relu", "softmax_cross_entropy", "conv", "max_pool"])
def test_float32_stays_float32(name):
    check_float32("jax", name)


def test_a_compiled_function_has_values_and_gradients():
    check_compiled("jax")


def test_ids_of_any_integer_dtype_find_the_same_rows():
    check_small_ids("jax")


def test_the_script_reads_like_the_numpy_one_and_runs_alone(tmp_path):
    text = trains_alone("jax", tmp_path / "xor.py")
    assert "@jax.jit\ndef step(" in text and "  # ∂" in text


def test_an_op_without_a_form_is_named():
    mystery = mx.op("mystery_of_jax(x) = x", lambda x: x + 0, shapes="(n)", linear="x", x=lambda g: g * 1.0)
    try:
        form = recorded(lambda x: mx.functional.sum(mystery(x)), [mx.Tensor([1.0, 2.0])])
        with pytest.raises(CompileError, match="mystery_of_jax, which has no form for jax"):
            targets.target("jax").script(form, {"x0": np.ones(2)}, 3)
    finally:
        mx.BOOK.pop("mystery_of_jax")


def test_a_missing_package_is_a_clear_error(monkeypatch):
    monkeypatch.setattr("microgradx.compiler.to_arrays.shared.find_spec", lambda name: None)
    form = recorded(lambda x: x * 2.0, [mx.Tensor(1.0)])
    with pytest.raises(MissingExtraError, match=r'pip install "microgradx\[jax\]"'):
        targets.target("jax").function(form)
    assert isinstance(targets.target("jax").LANGUAGE, Language)
