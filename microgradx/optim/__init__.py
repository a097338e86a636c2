"""How a network learns: optimizers, and schedules of the learning rate."""

from microgradx.optim import lr_scheduler
from microgradx.optim.optimizer import Optimizer, optimizer
from microgradx.optim.rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, RAdam, RMSprop

__all__ = [
    "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "lr_scheduler", "optimizer",
]  # fmt: skip
