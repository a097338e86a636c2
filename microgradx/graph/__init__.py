"""What was computed: nodes, scopes and their order."""

from microgradx.graph.errors import GradientError, MicrogradxError, OpError, RuleError
from microgradx.graph.node import Node, Tensor, Value, default_dtype, set_default_dtype
from microgradx.graph.order import topological
from microgradx.graph.state import differentiating, inside_scope, no_grad, recording, scope, state

__all__ = [
    "GradientError",
    "MicrogradxError",
    "Node",
    "OpError",
    "RuleError",
    "Tensor",
    "Value",
    "default_dtype",
    "differentiating",
    "inside_scope",
    "no_grad",
    "recording",
    "scope",
    "set_default_dtype",
    "state",
    "topological",
]
