"""The named programs that the command line, the tests and the tutorials share."""

from microgradx.examples.classification import SOFTMAX_CE
from microgradx.examples.convolution import CONV1D, CONV2D, MAX_POOL, POOL_SAME, THREE_FILTERS
from microgradx.examples.layers import ATTENTION, BATCH_NORM
from microgradx.examples.one_number import CONTROL_FLOW, NEURON, POLYNOMIAL, SECOND_DERIVATIVE, TWO_PATHS
from microgradx.examples.recurrent import LSTM_CELL, RNN_CELL
from microgradx.examples.registry import Example, ExampleError, Program, find
from microgradx.examples.xor import XOR
from microgradx.examples.xor_deep import XOR_DEEP
from microgradx.examples.xor_zero import XOR_ZERO

EXAMPLES: dict[str, Example] = {
    each.name: each
    for each in (
        XOR, XOR_ZERO, XOR_DEEP, NEURON, TWO_PATHS, POLYNOMIAL, CONTROL_FLOW, SECOND_DERIVATIVE,
        SOFTMAX_CE, CONV1D, CONV2D, THREE_FILTERS, MAX_POOL, POOL_SAME, BATCH_NORM, RNN_CELL, LSTM_CELL, ATTENTION,
    )
}  # fmt: skip

__all__ = ["EXAMPLES", "Example", "ExampleError", "Program", "find"]
