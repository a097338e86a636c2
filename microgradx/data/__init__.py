"""What a network learns from: datasets, batches, text, files, and problems made on the spot."""

from microgradx.data.datasets import (
    DataError,
    DataLoader,
    Standardiser,
    TensorDataset,
    one_hot,
    standardise,
    train_validation_split,
)
from microgradx.data.files import read_csv, read_idx, read_npz
from microgradx.data.generators import circles, gate, linear_regression, moons, polynomial_regression, spirals, xor
from microgradx.data.library import (
    MissingExtraError,
    breast_cancer,
    cache_folder,
    diabetes,
    digits,
    fashion_mnist,
    iris,
    mnist,
    wine,
)
from microgradx.data.text import Vocabulary, next_token_streams, next_token_windows, pad_sequences, words

__all__ = [
    "DataError", "DataLoader", "MissingExtraError", "Standardiser", "TensorDataset", "Vocabulary", "breast_cancer",
    "cache_folder", "circles", "diabetes", "digits", "fashion_mnist", "gate", "iris", "linear_regression", "mnist",
    "moons", "next_token_streams", "next_token_windows", "one_hot", "pad_sequences", "polynomial_regression",
    "read_csv", "read_idx", "read_npz", "spirals", "standardise", "train_validation_split", "wine", "words", "xor",
]  # fmt: skip
