"""CSV, .npz, IDX and the known data sets: right files are read, damaged ones refused, downloads checked."""

import gzip
import hashlib
import pickle
import struct
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradx import data
from microgradx.data import DataError, library, read_csv, read_idx, read_npz


def idx(array: np.ndarray[Any, Any]) -> bytes:
    code = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}[str(array.dtype)]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def test_csv_with_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x, y ,t\n1,2,3\n\n4,5,6\n")
    assert read_csv(file).arrays[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    for target in ("t", -1, 2):
        X, t = read_csv(file, target).arrays
        assert X.tolist() == [[1, 2], [4, 5]]
        assert t.tolist() == [[3], [6]]


def test_csv_with_class_names(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("rose,1\nlily,2\nrose,3\n")
    dataset = read_csv(file, target=0, header=False)
    assert dataset.names == ("lily", "rose")
    assert dataset.arrays[1].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "target", "says"),
    [
        ("", None, "no lines"),
        ("a,b\n1,2\n3\n", None, "line 3: 1 cells"),
        ("a,b\n1,2\n3,four\n", None, "line 3: 'four' is not a number"),
        ("a,b\n1,2\n", "c", "no column 'c'; it has a, b"),
        ("a,b\n1,2\n", 2, "no column 2"),
    ],
)
def test_csv_mistakes_name_the_line(tmp_path: Path, text: str, target: Any, says: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=says):
        read_csv(file, target)


def test_npz_without_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.eye(2), t=np.arange(2))
    assert read_npz(tmp_path / "a.npz")["t"].tolist() == [0, 1]
    np.savez(tmp_path / "b.npz", X=np.array([{}], object))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d.npz").write_bytes(pickle.dumps([1]))
    np.save(tmp_path / "e.npy", np.eye(2))
    for name in ("b.npz", "c.npz", "d.npz", "e.npy", "missing.npz"):
        with pytest.raises(DataError, match="cannot read"):
            read_npz(tmp_path / name)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 2)])
def test_idx_is_read_as_it_was_written(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    for name, content in (("plain", idx(array)), ("packed", gzip.compress(idx(array)))):
        (tmp_path / name).write_bytes(content)
        read = read_idx(tmp_path / name)
        assert read.dtype == array.dtype
        assert read.dtype.isnative
        assert (read == array).all()
        assert read.shape == shape


def damaged() -> Iterator[tuple[str, bytes]]:
    whole = idx(np.arange(12, dtype="uint8").reshape(3, 4))
    packed = gzip.compress(whole)
    yield "empty", b""
    yield "magic", b"\x01" + whole[1:]
    yield "type", whole[:2] + b"\x07" + whole[3:]
    yield "axes", whole[:3] + b"\xff" + whole[4:]
    yield "long", whole + b"\0"
    yield from ((f"short {n}", whole[:n]) for n in (3, 4, 7, 11, 12, 23))
    yield "gzip cut", packed[:-10]
    yield "gzip changed", packed[:15] + bytes([packed[15] ^ 255]) + packed[16:]
    yield "no gzip", packed[:2] + whole


@pytest.mark.parametrize(("name", "content"), [pytest.param(n, c, id=n) for n, c in damaged()])
def test_damaged_idx_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match="file"):
        read_idx(tmp_path / "file")


def test_the_sizes_told_of_a_damaged_idx_file_are_those_of_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(idx(np.zeros((3, 4), "uint8"))[:-1])
    with pytest.raises(DataError, match="takes 12 bytes of numbers, but there are 11"):
        read_idx(tmp_path / "file")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small MNIST on a local server; the folder it serves."""
    served = tmp_path / "served"
    served.mkdir()
    images, labels = np.arange(5 * 4, dtype="uint8").reshape(5, 2, 2), np.arange(5, dtype="uint8")
    contents = [idx(a) for a in (images, labels, images[:2], labels[:2])]
    for name, content in zip(library.FILES, contents, strict=True):
        (served / name).write_bytes(gzip.compress(content, mtime=0))
    handler = partial(_Quiet, directory=str(served))
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        sums = tuple(hashlib.sha256(c).hexdigest() for c in contents)
        place = f"http://127.0.0.1:{http.server_port}/"
        monkeypatch.setitem(library.SETS, "mnist", ((place + "nowhere/", place), sums))
        monkeypatch.setenv("MICROGRADX_DATA", str(tmp_path / "cache"))
        yield served
        http.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


def test_mnist_is_downloaded_once_and_scaled(server: Path, tmp_path: Path) -> None:
    dataset = data.mnist()
    assert dataset.arrays[0].shape == (5, 1, 2, 2)
    np.testing.assert_allclose(dataset.arrays[0][1, 0], [[4 / 255, 5 / 255], [6 / 255, 7 / 255]])
    assert dataset.arrays[1].tolist() == [0, 1, 2, 3, 4]
    assert sorted(p.name for p in (tmp_path / "cache" / "mnist").iterdir()) == sorted(library.FILES[:2])
    for file in server.iterdir():
        file.unlink()
    assert len(data.mnist(samples=3)) == 3


def test_a_wrong_download_is_not_kept(server: Path, tmp_path: Path) -> None:
    (server / library.FILES[0]).write_bytes(b"something else")
    with pytest.raises(DataError, match="SHA-256 differs"):
        data.mnist()
    assert not (tmp_path / "cache").exists()


def test_a_damaged_copy_is_refused(server: Path, tmp_path: Path) -> None:
    data.mnist(train=False)
    path = tmp_path / "cache" / "mnist" / library.FILES[2]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"damaged.*Delete it"):
        data.mnist(train=False)


def test_offline_the_error_says_where_to_put_the_file(server: Path, tmp_path: Path) -> None:
    for file in list(server.iterdir()):
        file.rename(tmp_path / file.name)
    folder = tmp_path / "mine"
    with pytest.raises(DataError) as caught:
        data.mnist(folder=folder)
    paths = str(caught.value).split("put them at ")[1].split(", ")
    assert paths == [str(folder / name) for name in library.FILES]
    folder.mkdir()
    for name in library.FILES:
        (tmp_path / name).rename(folder / name)
    assert len(data.mnist(folder=folder)) == 5


def test_images_and_labels_of_different_length_are_refused(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places, sums = library.SETS["mnist"]
    monkeypatch.setitem(library.SETS, "mnist", (places, (sums[0], sums[3], *sums[2:])))
    (server / library.FILES[1]).write_bytes((server / library.FILES[3]).read_bytes())
    with pytest.raises(DataError, match="do not go with"):
        data.mnist()


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("iris", [(150, 4), (150,)]),
        ("digits", [(1797, 64), (1797,)]),
        ("wine", [(178, 13), (178,)]),
        ("breast_cancer", [(569, 30), (569,)]),
        ("diabetes", [(442, 10), (442, 1)]),
    ],
)
def test_sets_that_come_with_scikit_learn(name: str, shapes: list[tuple[int, ...]]) -> None:
    pytest.importorskip("sklearn")
    dataset = getattr(data, name)()
    assert [a.shape for a in dataset.arrays] == shapes
    if dataset.names:
        assert len(dataset.names) == dataset.arrays[1].max() + 1
    if name == "digits":
        assert (dataset.arrays[0].min(), dataset.arrays[0].max()) == (0, 1)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(data.MissingExtraError, match=r"microgradx\[data\]"):
        data.iris()
