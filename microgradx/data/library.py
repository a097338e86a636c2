"""Data sets people know: small ones that come with scikit-learn, and MNIST in two forms from its original files."""

import hashlib
import os
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


# Per set: where its files are, and the SHA-256 of train images, train labels, test images, test labels.
SETS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mnist": (
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "fashion-mnist": (
        ("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",),
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
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
    path = folder / FILES[number]
    if path.exists():
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
            return write_atomically(path, data)
        problems.append(f"{place}: the file there is not the original (its SHA-256 differs)")
    wanted = ", ".join(str(folder / file) for file in FILES if not (folder / file).exists())
    raise DataError(
        f"{name}: cannot download {FILES[number]} ({'; '.join(problems)}). Without a network, get these files on "
        f"another machine and put them at {wanted}"
    )


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
