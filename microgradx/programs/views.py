"""One training step of a program as something to trace, draw and compile: its own model, loss, data and options."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgradx import nn
from microgradx.data import DataLoader, TensorDataset
from microgradx.examples.registry import Program
from microgradx.graph import Tensor, scope
from microgradx.programs.errors import ProgramError
from microgradx.programs.registry import TrainingProgram, closest
from microgradx.programs.run import Run
from microgradx.training import Callback, History, load

FEW = 8  # samples that are shown all together; of more, one is
MOST_NAMES = 40  # that a note lists


class Found(Exception):  # noqa: N818  # it is no error: it ends a run
    """The training that is looked at has been reached, so the rest of the program need not run."""

    def __init__(
        self, model: nn.Module, loss: Callable[[Any, Any], Any], data: DataLoader, history: History, part: str
    ) -> None:
        self.model, self.loss, self.data, self.history, self.part = model, loss, data, history, part


@dataclass
class Look(Run):
    """A run that ends where a training begins, or, with `trained`, ends; it raises Found there.

    `part` is the training's name, `usual` how the name begins of the one to take where the person named none. What is
    in the file `resume` is only read.
    """

    part: str | None = None
    usual: str = ""
    trained: bool = False
    passed: list[str] = field(default_factory=list)

    def fit(
        self, model: Any, loss: Any, optimizer: Any, data: Any, epochs: int, part: str = "training",
        callbacks: Sequence[Callback] = (), **options: Any,
    ) -> History:  # fmt: skip
        """No step is taken in the trainings before the one that is looked at."""
        self.passed.append(part)
        named = part == self.part if self.part else part == "training" or part.startswith(self.usual)
        history = super().fit(
            model, loss, optimizer, data, epochs if named and self.trained else 0, part, callbacks, **options
        )
        if named:
            raise Found(model, loss, data, history, part)
        return history

    def file(self, part: str) -> Path | None:
        """The very file that was named: it keeps one training."""
        return self.resume if part == self.part else None


def step(
    program: TrainingProgram, sample: int | None = None, part: str | None = None, trained: bool = False,
    resume: Path | None = None, batch: bool = False, watchers: Sequence[Callback] = (), **options: Any,
) -> Program:  # fmt: skip
    """The loss of the program's model, as a function of its weights, on a sample of what it learns from.

    Args:
        sample: the number of the sample; by default all of at most FEW, else the first, or the first `batch`.
        part: which training, of a program with several.
        trained: train it first, as `program.run(**options)` does; else the weights are those of the start,
        resume: or those of a file that `train --save` wrote, whose options hold where none are given.
        options: of the program, `dtype` too.

    Raises:
        ProgramError: an option or sample or part that the program has not.
        CheckpointError: the file is of another training.
    """
    if resume:
        saved = setup_of(resume)
        part = part or saved.get("training")
        if saved.get("program", program.name) != program.name:
            raise ProgramError(f"{resume} was saved by program {saved['program']}, and this is {program.name}.")
        alike = (*program.options, "dtype")
        options = {name: saved[name] for name in alike if name in saved and name != "samples"} | options
    usual = program.shown.format(**{**program.options, **options})
    look = Look(watchers, None, resume, part=part, usual=usual, trained=trained)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if resume else "default")  # a schedule for other epochs: no step is taken
            program.run(look, **options)
    except Found as found:
        return on_samples(found, sample, batch)
    raise ProgramError(
        f"{program.name} has no training called {part}.{closest(str(part), look.passed)} With these options its "
        f"trainings are {', '.join(look.passed)}."
    )


def setup_of(file: Path) -> dict[str, Any]:
    """What the training in the file was set up with.

    Raises:
        ProgramError: there is no such file.
    """
    if not file.exists():
        parts = sorted(map(str, file.parent.glob(f"{file.stem}-*{file.suffix}")))
        beside = f"there are {', '.join(parts)}: name one of them" if parts else "train --save FILE makes one"
        raise ProgramError(f"--resume {file}: there is no such file; {beside}.")
    found: dict[str, Any] = load(file).get("setup", {})
    return found


def on_samples(found: Found, sample: int | None, batch: bool) -> Program:
    """The step on the sample that was asked for, with notes on what it shows."""
    data: TensorDataset = found.data.dataset
    n = len(data)
    if sample is not None and not 0 <= sample < n:
        raise ProgramError(f"sample is a whole number from 0 to {n - 1}, not {sample}.")
    if sample is None and batch:
        chosen = found.data.order(0)[: found.data.batch_size]
        first = f"the samples are the first {len(chosen):,} of the {n:,} that it learns from, as training reads them"
        notes = [first] if len(chosen) < n else []
    elif sample is None and n <= FEW:
        chosen, notes = np.arange(n), []
    else:
        chosen = np.array([sample or 0])
        notes = [f"sample {sample or 0} of the {n:,} that it learns from; --sample takes 0 to {n - 1}"] if n > 1 else []
    if found.part != "training":
        notes.insert(0, f"of its trainings, this is {found.part!r}; --part chooses another")
    X, t = data[chosen]
    if data.names:
        ids = np.unique(np.concatenate([a.ravel() for a in (X, t) if a.dtype.kind in "iu"]))
        said = [f"{k} {data.names[k]!r}" for k in ids if k < len(data.names)]
        notes += [f"whole numbers stand for: {', '.join(said)}"] if len(said) <= MOST_NAMES else []
    if len(found.history):
        loss = found.history.final("loss")
        notes.append(f"its weights are trained: {len(found.history)} epochs brought the loss to {loss:.4g}")
    if found.history.stopped:
        notes.append(f"the training ended early: {found.history.stopped}")
    if hasattr(found.model, "forget"):
        notes.append("its memory is empty at the first step in time; while it learns, it holds what came before")
    own = list(found.model.modules())
    if any(isinstance(each, nn.Dropout) and each.p for each in own):
        notes.append("the model is as it is used, so dropout leaves nothing out")
    if any(isinstance(each, nn.BatchNorm1d) for each in own):
        notes.append("the model is as it is used, so batch norm goes by the means that it has kept")
    return step_of(found.model, found.loss, X, t, *notes)


def step_of(model: nn.Module, loss: Callable[[Any, Any], Any], X: Any, t: Any, *notes: str) -> Program:
    """The loss of the model, as it is used, on samples X with targets t; its weights are arguments: hidden_weight …"""
    owners = dict(model.named_modules())
    places = {}
    for path, parameter in list(model.named_parameters()):
        owner, _, attribute = path.rpartition(".")
        places[path.replace(".", "_")] = (owners[owner], attribute, parameter.data)
    model.eval()

    def step(*args: Any, **options: Any) -> Any:
        given = signature.bind(*args, **options).arguments
        for name, (owner, attribute, _) in places.items():
            vars(owner)[attribute] = given[name]
        if hasattr(model, "forget"):
            model.forget()  # a text that was read before
        y = model(given["X"])
        with scope("loss"):
            L = loss(y, given["t"])
        return L

    names = ["X", *places, "t"]
    signature = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])
    step.__signature__ = signature  # type: ignore[attr-defined]  # a function takes any attribute
    constants = {"X": Tensor(np.asarray(X), False), "t": Tensor(np.asarray(t), False)}
    weights = {name: Tensor(np.array(data), name=name) for name, (_, _, data) in places.items()}
    return Program(step, {"X": constants["X"], **weights, "t": constants["t"]}, tuple(weights), notes)
