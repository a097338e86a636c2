"""The chain rule: backward and the transformations built on it."""

from microgradx.autodiff.backward import Edge, backward
from microgradx.autodiff.jacobians import hessian, jacobian
from microgradx.autodiff.mapping import vmap
from microgradx.autodiff.recompute import checkpoint
from microgradx.autodiff.tape import GradientTape
from microgradx.autodiff.transforms import grad, hvp, jvp, value_and_grad, vjp

__all__ = [
    "Edge",
    "GradientTape",
    "backward",
    "checkpoint",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
    "vmap",
]
