"""A model as a table: its layers in the order they run, the shapes they give, the parameters they have."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from microgradx.graph import Node, Tensor, no_grad
from microgradx.nn.module import Module, Parameter, watching

if TYPE_CHECKING:
    from rich.table import Table


class Row(NamedTuple):
    """One layer of a summary."""

    name: str
    kind: str
    shape: str
    parameters: int


@dataclass(frozen=True, repr=False)
class Summary:
    """What `model.summary(input)` gives: printed, it is a table."""

    rows: list[Row]
    total: int
    trained: int

    def __str__(self) -> str:
        from rich.console import Console

        file = io.StringIO()
        Console(file=file, width=120, markup=False).print(self)
        return file.getvalue().rstrip()

    def __repr__(self) -> str:
        return str(self)

    def __rich__(self) -> "Table":
        from rich.table import Table

        frozen = f", {self.total - self.trained:,} of them frozen" if self.trained < self.total else ""
        table = Table(caption=f"{self.total:,} parameters{frozen}", caption_justify="left")
        for heading in ("layer", "kind", "output shape"):
            table.add_column(heading)
        table.add_column("parameters", justify="right")
        for row in self.rows:
            table.add_row(row.name, row.kind, row.shape, f"{row.parameters:,}")
        return table


def summarise(model: Module, *inputs: Any) -> Summary:
    """Run the model once, as it is when used, and note every layer that has parameters or no layers inside."""
    rows: list[Row] = []
    counted: set[int] = set()  # a layer that runs twice has its parameters once

    def note(path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        own = [p for p in vars(module).values() if isinstance(p, Parameter) and id(p) not in counted]
        if own or len(list(module.modules())) == 1:
            counted.update(map(id, own))
            rows.append(Row(path, type(module).__name__, _shapes(output), sum(p.size for p in own)))

    modes = [(module, module.training) for module in model.modules()]
    try:
        with no_grad(), watching(note):
            model.eval()(*(x if isinstance(x, Node) else Tensor(x, False) for x in inputs))
    finally:
        for module, mode in modes:
            module.training = mode
    parameters = list(model.parameters())
    return Summary(rows, sum(p.size for p in parameters), sum(p.size for p in parameters if p.requires_grad))


def _shapes(output: Any) -> str:
    if isinstance(output, (tuple, list)):
        return ", ".join(_shapes(each) for each in output if each is not None)
    return str(getattr(output, "shape", "")).replace(" ", "")
