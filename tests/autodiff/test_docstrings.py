"""The examples in the docstrings of the transformations run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

from microgradx import autodiff

MODULES = ["microgradx.autograd", *(f"microgradx.autodiff.{m.name}" for m in pkgutil.iter_modules(autodiff.__path__))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
