"""The project keeps its own promises: generated files are fresh, every Python file is short."""

from pathlib import Path

from tests.tools import make_stub

ROOT = Path(__file__).resolve().parents[1]


def test_the_method_stub_is_what_the_tables_bind() -> None:
    fresh = make_stub.text()
    assert make_stub.STUB.read_text(encoding="utf-8") == fresh, (
        f"microgradx/graph/_methods.pyi is out of date: run `{make_stub.COMMAND}` and commit the result"
    )
