"""The models and optimizers of the programs in PyTorch, layer by layer, with the same weights."""

from collections import OrderedDict
from typing import Any

import torch

from microgradx import nn

tnn = torch.nn


class LanguageModel(tnn.Module):
    """`microgradx.programs.language.LanguageModel`, line by line."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.embedding, self.recurrent = built(model.embedding), built(model.recurrent)
        self.scores, self.drop = built(model.scores), built(model.drop)
        self.forget()

    def forget(self) -> None:
        self.state = self.state_in_use = None

    def forward(self, ids: Any) -> Any:
        here = "state" if self.training else "state_in_use"
        y, state = self.recurrent(self.drop(self.embedding(ids)), getattr(self, here))
        setattr(self, here, tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach())
        return self.scores(self.drop(y)).transpose(1, 2)


class Neuron(tnn.Module):
    """`microgradx.programs.neuron.Neuron`, line by line."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.weight, self.bias = (tnn.Parameter(torch.empty(p.shape)) for p in (model.weight, model.bias))

    def forward(self, x: Any) -> Any:
        return torch.sigmoid(x @ self.weight.mT + self.bias)


class Reader(tnn.Module):
    """`microgradx.programs.remember.Reader`, line by line."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.recurrent, self.scores = built(model.recurrent), built(model.scores)

    def forward(self, x: Any) -> Any:
        y, _ = self.recurrent(x)
        return self.scores(y[:, -1])


def recurrent(m: Any) -> Any:
    """An RNN, LSTM or GRU."""
    made = getattr(tnn, type(m).__name__)
    return made(m.input_size, m.hidden_size, m.num_layers, batch_first=m.batch_first, dropout=m.dropout)


BUILD: dict[type, Any] = {
    nn.Sequential: lambda m: tnn.Sequential(OrderedDict((name, built(part)) for name, part in vars(m).items()
                                                        if isinstance(part, nn.Module))),
    nn.Linear: lambda m: tnn.Linear(m.in_features, m.out_features, m.bias is not None),
    nn.Conv2d: lambda m: tnn.Conv2d(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.padding),
    nn.MaxPool2d: lambda m: tnn.MaxPool2d(m.kernel_size),
    nn.Dropout: lambda m: tnn.Dropout(m.p), nn.Embedding: lambda m: tnn.Embedding(m.num_embeddings, m.embedding_dim),
    nn.Flatten: lambda m: tnn.Flatten(), nn.ReLU: lambda m: tnn.ReLU(), nn.Sigmoid: lambda m: tnn.Sigmoid(),
    nn.RNN: recurrent, nn.LSTM: recurrent, nn.GRU: recurrent,
}  # fmt: skip
OWN = {"LanguageModel": LanguageModel, "Neuron": Neuron, "Reader": Reader}


def built(module: Any) -> Any:
    """The same layer in PyTorch, with weights of its own."""
    return (BUILD.get(type(module)) or OWN[type(module).__name__])(module)


def translated(model: Any) -> Any:
    """The same model in PyTorch, with the same weights."""
    twin = built(model).to(getattr(torch, str(next(model.parameters()).dtype)))
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in model.state_dict().items()})
    return twin


def translated_optimizer(optimizer: Any, model: Any, twin: Any) -> Any:
    """The same rule with the same settings."""
    assert list(optimizer.param_groups[0]["params"]) == list(model.parameters())
    settings = {name: optimizer.param_groups[0][name] for name in optimizer.defaults}
    return getattr(torch.optim, type(optimizer).__name__)(twin.parameters(), **settings)


def hand_over(model: Any, twin: Any) -> None:
    """PyTorch's weights and gradients into our model."""
    model.load_state_dict(twin.state_dict())
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        ours.grad = theirs.grad.numpy().copy()
