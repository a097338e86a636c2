"""The examples in the docstrings of what trains a network give what they show."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

FOLDERS = ("nn", "optim", "data", "training")
MODULES = [
    module.name
    for folder in FOLDERS
    for module in pkgutil.iter_modules(
        [importlib.import_module(f"microgradx.{folder}").__path__[0]], f"microgradx.{folder}."
    )
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name), extraglobs={"np": np})
    assert failed == 0
