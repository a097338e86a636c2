"""How the weights of a program's model start: the values of --init."""

from typing import Any, Literal, TypeVar

from microgradx import nn

Init = Literal["default", "normal", "xavier", "he", "zero"]
M = TypeVar("M", bound=nn.Module)


def started(model: M, init: Init, std: float = 0.01) -> M:
    """The model with its weights drawn as `init` says and its biases at 0; "default" leaves PyTorch's start.

    Args:
        std: of "normal"; the default is so small that deep sigmoid networks do not get going.
    """
    draw: dict[str, Any] = {
        "normal": lambda w: nn.init.normal_(w, std=std),
        "xavier": nn.init.xavier_normal_,
        "he": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
        "zero": nn.init.zeros_,
    }
    for name, p in model.named_parameters() if init != "default" else ():
        if p.ndim > 1:
            draw[init](p)
        elif name.endswith("bias"):
            nn.init.zeros_(p)
    return model
