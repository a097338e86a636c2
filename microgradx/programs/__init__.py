"""The programs of the course: each trains on real or made data, says what it learned, and is a file to be read."""

from microgradx.programs.cnn import CNN, LENET
from microgradx.programs.diabetes_regression import DIABETES_REGRESSION
from microgradx.programs.digit_or_not import DIGIT_OR_NOT
from microgradx.programs.digits_mlp import DIGITS_MLP
from microgradx.programs.errors import ProgramError
from microgradx.programs.gates import GATES
from microgradx.programs.language import CHAR_RNN, WORD_RNN
from microgradx.programs.linear_regression import LINEAR_REGRESSION
from microgradx.programs.logistic_regression import LOGISTIC_REGRESSION
from microgradx.programs.mnist import FASHION_MNIST, MNIST
from microgradx.programs.neuron import NEURON
from microgradx.programs.polynomial_regression import POLYNOMIAL_REGRESSION
from microgradx.programs.registry import TrainingProgram, find
from microgradx.programs.remember import LSTM_REMEMBER
from microgradx.programs.run import Run, Table
from microgradx.programs.softmax_regression import SOFTMAX_REGRESSION
from microgradx.programs.vectors import WORD_VECTORS
from microgradx.programs.xor import XOR, XOR_DEEP, XOR_ZERO

PROGRAMS: dict[str, TrainingProgram] = {
    each.name: each
    for each in (
        GATES, NEURON, LINEAR_REGRESSION, POLYNOMIAL_REGRESSION, LOGISTIC_REGRESSION, SOFTMAX_REGRESSION,
        XOR, XOR_DEEP, XOR_ZERO, DIGIT_OR_NOT, DIGITS_MLP, CNN, LENET, DIABETES_REGRESSION,
        CHAR_RNN, WORD_RNN, WORD_VECTORS, LSTM_REMEMBER,
    )
}  # fmt: skip
WITH_FILES = {each.name: each for each in (MNIST, FASHION_MNIST)}  # their data has to be downloaded

__all__ = ["PROGRAMS", "WITH_FILES", "ProgramError", "Run", "Table", "TrainingProgram", "find"]
