"""The chain rule: backward and the transformations built on it."""

from microgradx.autodiff.backward import Edge, backward
from microgradx.autodiff.transforms import grad, gradients, value_and_grad

__all__ = ["Edge", "backward", "grad", "gradients", "value_and_grad"]
