"""The target torch: every row and every example gives what the engine gives."""

import subprocess
import sys

import numpy as np
import pytest

import microgradx as mx
from microgradx.compiler import CompileError, targets
from tests.cli.run import run
from tests.compiler.languages import PROGRAMS, ROWS, check_odd, check_row, close, printed, recorded, row

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
    f, nodes = row(name, 0, "float32")
    form = recorded(f, nodes)
    outputs, gradients = targets.target("torch").function(form)(*(n.data for n in nodes))
    assert outputs[0].dtype == np.float32 and {g.dtype for g in gradients.values()} == {np.dtype(np.float32)}


def test_its_own_autograd_takes_no_part(tmp_path):
    path = tmp_path / "xor.py"
    assert run("compile", "xor", "--level", "tensor", "--target", "torch", "-o", str(path)).exit_code == 0
    text = path.read_text("utf-8")
    assert "  # ∂" in text and "requires_grad" not in text and ".backward(" not in text
    ran = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    losses = [float(line.split()[1]) for line in ran.stdout.splitlines()]
    assert losses[-1] < losses[0]


def test_an_op_without_a_form_is_named():
    mystery = mx.op("mystery_of_torch(x) = x", lambda x: x + 0, shapes="(n)", linear="x", x=lambda g: g * 1.0)
    try:
        form = recorded(lambda x: mx.functional.sum(mystery(x)), [mx.Tensor([1.0, 2.0])])
        with pytest.raises(CompileError, match="mystery_of_torch, which has no form for torch"):
            targets.target("torch").script(form, {"x0": np.ones(2)}, 3)
    finally:
        mx.BOOK.pop("mystery_of_torch")
