"""Modules: what is found, how it is called, where it is in the graph, and what is refused."""

from typing import Any

import numpy as np
import pytest

import microgradx as mx
from microgradx import nn
from microgradx.nn.module import Buffer, Module, ModuleDict, ModuleList, Parameter, StateError, watching


class Affine(Module):
    def __init__(self, n: int, m: int, bias: bool = True) -> None:
        self.n, self.m = n, m
        self.weight = Parameter(np.ones((m, n)))
        self.bias = Parameter(np.zeros(m)) if bias else None
        self.seen = Buffer(np.array(0))

    def forward(self, x: Any) -> Any:
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


class Net(Module):
    def __init__(self) -> None:
        self.first = Affine(2, 3)
        self.layers = ModuleList([Affine(3, 3)])
        self.layers.append(Affine(3, 3, bias=False))
        self.heads = ModuleDict({"left": Affine(3, 1)})
        self.gain = Parameter(2.0)

    def forward(self, x: Any) -> Any:
        x = self.first(x)
        for layer in self.layers:
            x = layer(x)
        return self.heads["left"](x) * self.gain


NAMES = [
    "gain", "first.weight", "first.bias", "first.seen", "layers.0.weight", "layers.0.bias", "layers.0.seen",
    "layers.1.weight", "layers.1.seen", "heads.left.weight", "heads.left.bias", "heads.left.seen",
]  # fmt: skip


def test_parts_are_found_in_attributes_lists_and_dicts() -> None:
    net = Net()
    assert list(net.state_dict()) == NAMES
    assert [n for n, _ in net.named_parameters()] == [n for n in NAMES if "seen" not in n]
    assert [n for n, _ in net.named_buffers()] == [n for n in NAMES if "seen" in n]
    assert [n for n, _ in net.named_modules()] == ["", "first", "layers.0", "layers.1", "heads.left"]
    assert len(list(net.parameters())) == 8


def test_nodes_and_parameters_carry_the_path() -> None:
    net = Net()
    scopes = {}
    with watching(lambda path, module, inputs, output: scopes.update({path: output.scope})):
        y = net([[1.0, 2.0]])
    assert {path: path for path in scopes} == scopes
    assert y.scope == ""
    assert net.layers[1].weight.name == "layers.1.weight"
    with mx.scope("step3"):
        assert net.first([[1.0, 2.0]]).scope == "step3.first"


def test_a_part_called_by_itself_keeps_its_path() -> None:
    class Outer(Module):
        def __init__(self) -> None:
            self.inner = Net()

        def loss(self, x: Any) -> Any:
            return self.inner.first(x).sum()

    assert Outer().loss([[1.0, 2.0]]).inputs[0].scope == "inner.first"


def test_a_shared_parameter_is_trained_once_and_saved_under_both_names() -> None:
    net = Net()
    net.layers[0].weight = net.layers[1].weight
    assert [n for n, _ in net.named_parameters() if n.startswith("layers")] == ["layers.0.weight", "layers.0.bias"]
    assert list(net.state_dict()) == NAMES


def test_state_is_copied_both_ways() -> None:
    net, other = Net(), Net()
    saved = net.state_dict()
    saved["first.weight"] += 1
    assert net.first.weight.data[0, 0] == 1
    assert other.load_state_dict(saved) == ([], [])
    saved["first.weight"] += 1
    assert other.first.weight.data[0, 0] == 2


def test_loading_converts_to_the_parameters_dtype() -> None:
    net = Affine(1, 1)
    net.load_state_dict({"weight": np.array([[0.5]], "float32"), "bias": [1], "seen": 7.0})
    assert [net.weight.dtype, net.seen.dtype] == [np.float64, np.int64]


def test_what_does_not_fit_is_listed_and_nothing_changes() -> None:
    net = Net()
    wrong = net.state_dict()
    del wrong["gain"], wrong["layers.0.bias"]
    wrong |= {"first.bias": np.zeros(4), "stray": np.zeros(1), "heads.left.bias": np.array([9.0])}
    with pytest.raises(StateError) as caught:
        net.load_state_dict(wrong)
    assert "missing: gain, layers.0.bias; unexpected: stray; shapes: first.bias is (4,), not (3,)" in str(caught.value)
    assert net.heads["left"].bias.data == 0
    with pytest.raises(StateError, match="shapes: first"):
        net.load_state_dict(wrong, strict=False)
    del wrong["first.bias"]
    assert net.load_state_dict(wrong, strict=False) == (["gain", "first.bias", "layers.0.bias"], ["stray"])
    assert net.heads["left"].bias.data == 9


def test_modes_reach_every_part() -> None:
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_gradients_are_collected_and_forgotten_and_parameters_frozen() -> None:
    net = Net()
    net.first.requires_grad_(False)
    net([[1.0, 2.0]]).sum().backward(keep="leaves")
    assert net.first.weight.grad is None
    assert isinstance(net.gain.grad, np.ndarray)
    net.zero_grad()
    assert net.gain.grad is None


def test_apply_meets_children_first() -> None:
    met: list[Module] = []
    net = Net().apply(met.append)
    assert met[-1] is net
    assert len(met) == 5


def test_a_parameter_does_not_share_its_data() -> None:
    start = np.ones(2)
    parameter, buffer = Parameter(start), Buffer(start)
    start[0] = 7
    assert parameter.data[0] == buffer.data[0] == 1
    assert not buffer.requires_grad


def test_a_module_shows_its_arguments_and_parts() -> None:
    assert repr(Affine(2, 3)) == "Affine(n=2, m=3)"
    assert repr(Affine(2, 3, bias=False)) == "Affine(n=2, m=3, bias=False)"
    assert "  (layers.1): Affine(n=3, m=3, bias=False)\n" in repr(Net())


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(mx.OpError, match="forward"):
        Module()(1.0)


def test_the_path_is_restored_after_an_error() -> None:
    net = Net()
    with pytest.raises(mx.OpError):
        net([[1.0]])
    assert net([[1.0, 2.0]]).scope == ""


def test_children_are_what_a_module_holds_itself() -> None:
    inner = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    model = nn.Sequential({"inner": inner, "act": nn.ReLU()})
    assert [name for name, _ in model.named_children()] == ["inner", "act"]
    assert next(model.children()) is inner
    assert len(list(model.buffers())) == len(list(model.named_buffers())) == 3
