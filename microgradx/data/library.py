"""Data sets people know: small ones that come with scikit-learn, and MNIST in two forms from its original files."""

import gzip
import hashlib
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from microgradx.data.datasets import DataError, TensorDataset
from microgradx.data.files import read_idx
from microgradx.files import write_atomically
from microgradx.graph import MicrogradxError, default_dtype
from microgradx.graph.errors import install


class MissingExtraError(MicrogradxError, ImportError):
    """A package that only some users need is not installed; the message says how to get it."""


def iris() -> TensorDataset:
    """150 flowers of three kinds, four lengths in cm each: X (150, 4), labels (150,). (Fisher 1936.)"""
    return _bundled("load_iris")


def digits() -> TensorDataset:
    """1,797 handwritten digits of 8×8 pixels between 0 and 1: X (1797, 64), labels (1797,)."""
    dataset = _bundled("load_digits")
    return TensorDataset(dataset.arrays[0] / 16, dataset.arrays[1], names=dataset.names)


def wine() -> TensorDataset:
    """178 wines from three growers, 13 measurements each: X (178, 13), labels (178,)."""
    return _bundled("load_wine")


def breast_cancer() -> TensorDataset:
    """569 tumours, 30 measurements each: X (569, 30), labels (569,) 0 malignant, 1 benign."""
    return _bundled("load_breast_cancer")


def diabetes() -> TensorDataset:
    """442 patients: ten scaled measurements, and how the illness went on: X (442, 10), t (442, 1)."""
    X, t = _bundled("load_diabetes").arrays
    return TensorDataset(X, t[:, None])


def _bundled(name: str) -> TensorDataset:
    try:
        from sklearn import datasets
    except ImportError:
        raise MissingExtraError(
            f"this data set comes with scikit-learn, which is not installed: {install('data')}."
        ) from None
    found = getattr(datasets, name)()
    return TensorDataset(found.data, found.target, names=tuple(str(n) for n in getattr(found, "target_names", ())))


# Per set: where its files are, and the SHA-256 of train images, train labels, test images, test labels, unzipped: the
# same files go round zipped in different ways.
SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mnist": (
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "fashion-mnist": (
        ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",),
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
}
FILES = (
    "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz",
)  # fmt: skip
CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def mnist(train: bool = True, samples: int | None = None, folder: str | Path | None = None) -> TensorDataset:
    """Handwritten digits of 28×28 pixels between 0 and 1: X (60000 or 10000, 1, 28, 28), labels.

    The files are downloaded once; without a network the error says where to put them.

    Args:
        train: the 60,000 training images, or the 10,000 for testing.
        samples: only the first so many (all of them take 376 MB as float64).
        folder: where the files are kept; by default `cache_folder() / "mnist"`.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is damaged.
    """
    return _idx_set("mnist", train, samples, folder, tuple("0123456789"))


def fashion_mnist(train: bool = True, samples: int | None = None, folder: str | Path | None = None) -> TensorDataset:
    """Photographs of clothes, in the form of `mnist`. (Xiao, Rasul & Vollgraf 2017.)"""
    return _idx_set("fashion-mnist", train, samples, folder, CLOTHES)


def cache_folder() -> Path:
    """Where downloads are kept: $MICROGRADX_DATA, or `microgradx` in the user's cache folder."""
    chosen = os.environ.get("MICROGRADX_DATA")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "microgradx"


def _idx_set(name: str, train: bool, samples: int | None, folder: Any, classes: tuple[str, ...]) -> TensorDataset:
    place = Path(folder) if folder is not None else cache_folder() / name
    first = 0 if train else 2
    images, labels = (read_idx(_fetched(name, number, place))[:samples] for number in (first, first + 1))
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(f"{place}: images of shape {images.shape} do not go with labels of shape {labels.shape}.")
    scaled = images[:, None].astype(default_dtype())
    scaled /= 255
    return TensorDataset(scaled, labels.astype(np.int64), names=classes)


def _fetched(name: str, number: int, folder: Path) -> Path:
    """The path of a file that is there and is the right one."""
    places, sums = SETS[name]
    zipped = folder / FILES[number]
    path = next((path for path in (zipped, zipped.with_suffix("")) if path.exists()), None)
    if path is not None:
        if _sum(path.read_bytes()) != sums[number]:
            raise DataError(
                f"{path} is damaged, or not the original file (its SHA-256 differs). Delete it, and it will be "
                "downloaded again."
            )
        return path
    problems = []
    for place in places:
        try:
            with urlopen(place + FILES[number], timeout=30) as answer:
                data = answer.read()
        except OSError as problem:
            problems.append(f"{place}: {problem}")
            continue
        if _sum(data) == sums[number]:
            folder.mkdir(parents=True, exist_ok=True)
            return write_atomically(zipped, data)
        problems.append(f"{place}: the file there is not the original (its SHA-256 differs)")
    there = [file for file in FILES if (folder / file).exists() or (folder / file).with_suffix("").exists()]
    wanted = ", ".join(str(folder / file) for file in FILES if file not in there)
    raise DataError(
        f"{name}: cannot download {FILES[number]} ({'; '.join(problems)}). Without a network, get these files on "
        f"another machine, leave them zipped or unzip them, and put them at {wanted}"
    )


def _sum(data: bytes) -> str:
    """The SHA-256 of what the file holds; of a damaged .gz, of itself."""
    with suppress(OSError, EOFError, zlib.error):
        data = gzip.decompress(data)
    return hashlib.sha256(data).hexdigest()
