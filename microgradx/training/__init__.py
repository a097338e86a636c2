"""Training: `fit` and its callbacks, measuring, and checkpoints that resume bit for bit."""

from typing import Any

from microgradx.training.callbacks import Callback, ClipGradients, EarlyStopping, Run, Schedule
from microgradx.training.checkpoint import Checkpoint, CheckpointError, load, save
from microgradx.training.history import History
from microgradx.training.loop import accuracy, evaluate, fit, predict

__all__ = [
    "Callback", "Checkpoint", "CheckpointError", "ClipGradients", "EarlyStopping", "History", "Progress", "Run",
    "Schedule", "accuracy", "evaluate", "fit", "load", "predict", "save",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Progress is loaded when first asked for: it brings in rich."""
    if name != "Progress":
        raise AttributeError(f"module 'microgradx.training' has no attribute {name!r}")
    from microgradx.training.progress import Progress

    return Progress
