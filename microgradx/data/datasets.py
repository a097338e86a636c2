"""Arrays that belong together, sample by sample; batches of them in a known order; and what prepares them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from microgradx.graph import MicrogradxError, Node, Tensor, default_dtype
from microgradx.random import default_generator

Array = np.ndarray[Any, Any]


class DataError(MicrogradxError, ValueError):
    """Data is missing, damaged, or of another shape than it must be."""


class TensorDataset:
    """Arrays of equal length: entry i of each belongs to sample i.

    Floats become the default dtype, whole numbers (labels, ids) stay whole numbers.

    >>> from microgradx.data import TensorDataset
    >>> dataset = TensorDataset([[0.0], [1.0], [2.0]], np.array([0, 1, 1]))
    >>> dataset
    TensorDataset(3 samples: float64 (1,), int64 ())
    """

    def __init__(self, *arrays: Any, names: tuple[str, ...] = ()) -> None:
        self.arrays = tuple(_kept(a) for a in arrays)
        self.names = names  # of the classes, where there are some
        sizes = [len(a) if a.ndim else None for a in self.arrays]
        if not sizes or None in sizes or len(set(sizes)) > 1:
            raise DataError(f"a dataset needs arrays of one length, but got shapes {[a.shape for a in self.arrays]}.")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(a[index] for a in self.arrays)

    def subset(self, index: Any) -> "TensorDataset":
        """The samples with these numbers, as a dataset."""
        return TensorDataset(*self[index], names=self.names)

    def __repr__(self) -> str:
        return f"TensorDataset({len(self)} samples: {', '.join(f'{a.dtype} {a.shape[1:]}' for a in self.arrays)})"


class DataLoader:
    """Batches of a dataset as constant Tensors, one tuple each.

    Args:
        dataset: a TensorDataset, or a tuple of arrays.
        batch_size: samples per batch; the last batch is smaller when they do not divide evenly.
        shuffle: a new order in every epoch. The order of epoch k depends on the seed and on k alone.
        seed: of the order; when left out, drawn from the generator that `manual_seed` seeds.
        drop_last: leave out a last batch that is too small.
        repeat: how often one pass goes over the dataset, each time in its own order; None for ever.

    Raises:
        DataError: no samples, or numbers below 1.

    >>> from microgradx.data import DataLoader
    >>> for (x,) in DataLoader((np.arange(5),), batch_size=2, shuffle=True, seed=1):
    ...     print(x.data)
    [4 0]
    [1 2]
    [3]
    """

    def __init__(
        self, dataset: Any, batch_size: int = 1, shuffle: bool = False, seed: int | None = None,
        drop_last: bool = False, repeat: int | None = 1,
    ) -> None:  # fmt: skip
        self.dataset = dataset if isinstance(dataset, TensorDataset) else TensorDataset(*dataset)
        self.batch_size, self.shuffle, self.drop_last, self.repeat = batch_size, shuffle, drop_last, repeat
        if batch_size < 1 or (repeat is not None and repeat < 1) or not self._batches:
            raise DataError(
                "a DataLoader needs enough samples for one batch, and batch_size and repeat of 1 or more; got "
                f"{len(self.dataset)} samples, batch_size={batch_size}, drop_last={drop_last}, repeat={repeat}."
            )
        self.seed = int(default_generator.uniform(0, 2**31, ())) if seed is None and shuffle else seed or 0
        self.epoch = 0  # which order comes next
        self.batch = 0  # how many batches of it have been given
        self._skip = 0  # how many of them the next pass leaves out, because they came before it was saved

    def __len__(self) -> int:
        """Batches in one pass."""
        if self.repeat is None:
            raise DataError("this DataLoader repeats for ever: it has no length.")
        return self.repeat * self._batches

    @property
    def _batches(self) -> int:
        n = len(self.dataset) / self.batch_size
        return math.floor(n) if self.drop_last else math.ceil(n)

    def order(self, epoch: int) -> Array:
        """The numbers of the samples, in the order of this epoch."""
        n = len(self.dataset)
        return np.random.default_rng([self.seed, epoch]).permutation(n) if self.shuffle else np.arange(n)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """One pass. A pass that is left early does not count: the next one starts it again."""
        if self.repeat is not None and not self._skip:
            self.epoch -= self.epoch % self.repeat
        end = None if self.repeat is None else (self.epoch // self.repeat + 1) * self.repeat
        self.batch, self._skip = self._skip, 0
        while self.epoch != end:
            order = self.order(self.epoch)
            while self.batch < self._batches:
                start = self.batch * self.batch_size
                self.batch += 1
                yield tuple(Tensor(a, False) for a in self.dataset[order[start : start + self.batch_size]])
            self.epoch, self.batch = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """Where it stands; saved with a training, so that it continues with the very next batch."""
        return {"seed": self.seed, "epoch": self.epoch, "batch": self.batch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Continue where `state_dict()` was taken."""
        self.seed, self.epoch, self.batch = state["seed"], state["epoch"], state["batch"]
        self._skip = self.batch


def train_validation_split(
    dataset: Any, validation: float = 0.2, seed: int = 0, stratify: bool = False
) -> tuple[TensorDataset, TensorDataset]:
    """Two datasets without a sample in common.

    Args:
        dataset: a TensorDataset or a tuple of arrays.
        validation: the share of samples, between 0 and 1, that training does not see.
        seed: of the random choice.
        stratify: keep the share of every class (the second array holds the labels).
    """
    dataset = dataset if isinstance(dataset, TensorDataset) else TensorDataset(*dataset)
    order = np.random.default_rng(seed).permutation(len(dataset))
    labels = dataset.arrays[1][order] if stratify else np.zeros(len(dataset), int)
    held = np.zeros(len(dataset), bool)
    for label in np.unique(labels):
        own = order[labels == label]
        held[own[: round(len(own) * validation)]] = True
    if not 0 < validation < 1 or held.all() or not held.any():
        raise DataError(
            f"validation={validation} of {len(dataset)} samples leaves one side empty; take a share between 0 and 1."
        )
    return dataset.subset(order[~held[order]]), dataset.subset(order[held[order]])


def one_hot(labels: Any, classes: int | None = None) -> Array:
    """Whole-number labels (…) as rows of 0 and one 1: (…, classes), in the default dtype."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or not labels.size:
        raise DataError(f"one_hot needs whole-number labels, not {labels.dtype} of shape {labels.shape}.")
    classes = int(labels.max()) + 1 if classes is None else classes
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(f"labels must lie in 0 … {classes - 1}, but go from {labels.min()} to {labels.max()}.")
    return np.asarray(labels[..., None] == np.arange(classes), default_dtype())


class Standardiser(NamedTuple):
    """Takes columns to mean 0 and standard deviation 1, with the numbers of the data it was made from."""

    mean: Array
    std: Array

    def __call__(self, X: Any) -> Array:
        """(X − mean) / std, column by column."""
        return np.asarray((np.asarray(X) - self.mean) / self.std)

    def inverse(self, Z: Any) -> Array:
        """Back to the scale of the data."""
        return np.asarray(np.asarray(Z) * self.std + self.mean)


def standardise(X: Any) -> tuple[Array, Standardiser]:
    """X (samples, …) with every column at mean 0 and standard deviation 1, and what to do to new data likewise.

    A column that never changes becomes 0. Use the training data's Standardiser for validation data.
    """
    X = _kept(X)
    std = X.std(axis=0)
    standardiser = Standardiser(X.mean(axis=0), np.where(std > 0, std, 1).astype(X.dtype))
    return standardiser(X), standardiser


def _kept(data: Any) -> Array:
    array: Array = np.asarray(data.data if isinstance(data, Node) else data)
    if array.dtype.kind not in "biuf":
        raise DataError(f"a dataset holds numbers, not data of type {array.dtype}.")
    return array.astype(default_dtype(), copy=False) if array.dtype.kind == "f" else array
