"""Layers and models, with PyTorch's names, shapes and defaults."""

from microgradx.nn.module import Buffer, Module, ModuleDict, ModuleList, Parameter, StateError, watching

__all__ = ["Buffer", "Module", "ModuleDict", "ModuleList", "Parameter", "StateError", "watching"]
