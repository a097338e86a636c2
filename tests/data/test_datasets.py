"""Datasets, batches, splits and what prepares numbers."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx.data import (
    DataError,
    DataLoader,
    TensorDataset,
    one_hot,
    standardise,
    train_validation_split,
)


def batches(loader: DataLoader) -> list[list[int]]:
    return [x.data.tolist() for (x,) in loader]


def numbers(n: int, **options: Any) -> DataLoader:
    return DataLoader((np.arange(n),), **options)


def test_a_dataset_keeps_what_belongs_together() -> None:
    dataset = TensorDataset(np.array([[1, 2], [3, 4], [5, 6]], "float32"), [0, 1, 1], names=("no", "yes"))
    assert [a.dtype for a in dataset.arrays] == [np.float64, np.int64]
    assert len(dataset) == 3
    x, t = dataset.subset([2, 0])[:]
    assert x.tolist() == [[5, 6], [1, 2]]
    assert t.tolist() == [1, 0]
    assert dataset.subset([0]).names == ("no", "yes")


@pytest.mark.parametrize("arrays", [(), ([1, 2], [1]), (3.0,), (["a"],)])
def test_what_is_no_dataset_is_refused(arrays: Any) -> None:
    with pytest.raises(DataError):
        TensorDataset(*arrays)


def test_batches_in_order() -> None:
    assert batches(numbers(5, batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert batches(numbers(5, batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert len(numbers(5, batch_size=2)) == 3
    assert len(numbers(5, batch_size=2, drop_last=True, repeat=3)) == 6


def test_batches_are_constants() -> None:
    x, t = next(iter(DataLoader(([[1.0]], [0]))))
    assert isinstance(x, mx.Tensor)
    assert not x.requires_grad
    assert t.dtype == np.int64


def test_each_epoch_has_its_own_order_known_from_the_seed() -> None:
    loader, again = (numbers(10, batch_size=10, shuffle=True, seed=3) for _ in range(2))
    first, second = batches(loader)[0], batches(loader)[0]
    assert first != second
    assert sorted(first) == sorted(second) == list(range(10))
    assert [first, second] == [batches(again)[0], batches(again)[0]]
    assert batches(numbers(10, batch_size=10, shuffle=True, seed=4))[0] != first


def test_a_glance_at_the_first_batch_changes_nothing() -> None:
    loader, untouched = (numbers(10, batch_size=3, shuffle=True, seed=3) for _ in range(2))
    next(iter(loader))
    assert batches(loader) == batches(untouched)


@pytest.mark.parametrize("stop", range(1, 12))
def test_a_saved_loader_continues_with_the_next_batch(stop: int) -> None:
    def run(loader: DataLoader) -> Any:
        for _ in range(3):
            yield from batches_of_a_pass(loader)

    def batches_of_a_pass(loader: DataLoader) -> Any:
        for (x,) in loader:
            yield x.data.tolist(), loader.state_dict()

    whole = list(run(numbers(10, batch_size=3, shuffle=True, seed=3)))
    loader = numbers(10, batch_size=3, shuffle=True)
    loader.load_state_dict(whole[stop - 1][1])
    rest = [x for x, _ in run(loader)]
    assert rest[: 12 - stop] == [x for x, _ in whole[stop:]]


def test_repeats_make_longer_passes() -> None:
    loader = numbers(4, batch_size=4, shuffle=True, seed=0, repeat=2)
    one_by_one = numbers(4, batch_size=4, shuffle=True, seed=0)
    assert batches(loader) == batches(one_by_one) + batches(one_by_one)
    forever = iter(numbers(2, repeat=None))
    assert [next(forever)[0].item() for _ in range(5)] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("left", [1, 3, 5])
def test_a_pass_that_is_left_early_starts_again_from_its_first_repetition(left: int) -> None:
    loader = numbers(6, batch_size=2, shuffle=True, seed=0, repeat=2)
    whole = batches(loader)
    again = numbers(6, batch_size=2, shuffle=True, seed=0, repeat=2)
    passing = iter(again)
    for _ in range(left):
        next(passing)
    assert batches(again) == whole


@pytest.mark.parametrize("options", [dict(batch_size=0), dict(repeat=0), dict(batch_size=6, drop_last=True)])
def test_impossible_batches_are_refused(options: Any) -> None:
    with pytest.raises(DataError, match="DataLoader needs"):
        numbers(5, **options)
    with pytest.raises(DataError, match="no length"):
        len(numbers(5, repeat=None))


def test_a_split_has_no_sample_in_common() -> None:
    train, held = train_validation_split((np.arange(10.0), np.arange(10)), validation=0.3, seed=1)
    assert (len(train), len(held)) == (7, 3)
    assert sorted([*train.arrays[1], *held.arrays[1]]) == list(range(10))
    again = train_validation_split((np.arange(10.0), np.arange(10)), validation=0.3, seed=1)
    assert again[1].arrays[1].tolist() == held.arrays[1].tolist()


def test_a_stratified_split_keeps_the_shares() -> None:
    labels = np.array([0] * 80 + [1] * 20)
    train, held = train_validation_split((np.zeros(100), labels), validation=0.25, stratify=True)
    assert np.bincount(held.arrays[1]).tolist() == [20, 5]
    assert np.bincount(train.arrays[1]).tolist() == [60, 15]


@pytest.mark.parametrize("validation", [0.0, 1.0, -0.5, 0.01])
def test_an_empty_side_is_refused(validation: float) -> None:
    with pytest.raises(DataError, match="empty"):
        train_validation_split((np.arange(10),), validation=validation)


def test_one_hot() -> None:
    assert one_hot([0, 2, 1]).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert one_hot([[1]], classes=3).shape == (1, 1, 3)
    for wrong in ([-1], [3], [0.5], []):
        with pytest.raises(DataError):
            one_hot(wrong, classes=3)


def test_standardise() -> None:
    X, standardiser = standardise([[1.0, 5.0], [3.0, 5.0]])
    assert X.tolist() == [[-1, 0], [1, 0]]
    assert standardiser([[5.0, 6.0]]).tolist() == [[3, 1]]
    assert standardiser.inverse(X).tolist() == [[1, 5], [3, 5]]
