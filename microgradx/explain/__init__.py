"""What a person reads: the trace, and its views."""

from microgradx.explain.trace import Row, Step, Trace, trace

__all__ = ["Row", "Step", "Trace", "trace"]
