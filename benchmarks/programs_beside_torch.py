"""Every program beside the same one in PyTorch: `python -m benchmarks.programs_beside_torch` prints a Markdown table.

Both start from the same weights and see the same batches in the same order, with the same optimizer, schedule and
clipping, in one process, in float64 where the row does not say float32. The program itself measures both: PyTorch's
weights are put into its model when they are trained. So numbers agree to rounding, but where dropout, which each draws
for itself, takes part, or where rounding grows (a training that diverges, or a long one in float32). The seconds are
the processor's, of the trainings alone, validation included, with one thread for either.

    python -m benchmarks.programs_beside_torch [ROW ...] > benchmarks/PROGRAMS.md
"""

import datetime
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's; read when it is imported, hence here
import numpy as np
import torch

from benchmarks.torch_twins import hand_over, translated, translated_optimizer
from microgradx.data import DataError, DataLoader
from microgradx.programs import PROGRAMS, WITH_FILES, Run
from microgradx.training import Callback, ClipGradients, History, Schedule

tnn = torch.nn

# Program and options: its data, and the numbers of its result that are shown.
SHOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "neuron": ("1 sample", ("output", "loss")),
    "gates": ("4 rows, three gates", ("and_right", "or_right", "xor_right", "xor_loss")),
    "linear-regression": ("3 points", ("w_at_0.01", "w_at_0.4", "w_at_0.51")),
    "polynomial-regression": ("100 points", ("constant", "x", "x_squared")),
    "logistic-regression": ("6 points", ("right", "loss")),
    "softmax-regression": ("iris, 120 + 30", ("held_out_accuracy", "held_out_loss")),
    "xor": ("4 rows", ("right", "loss")),
    "xor-deep": ("4 rows", ("right", "loss")),
    "xor-zero": ("4 rows", ("right", "loss")),
    "digit-or-not": ("digits, 1,438 + 359", ("one_unit_accuracy", "two_layers_accuracy")),
    "digits-mlp": ("digits, 1,438 + 359", ("test_accuracy", "test_loss")),
    "cnn": ("digits, 1,438 + 359", ("test_accuracy", "test_loss")),
    "lenet": ("digits, 9 × 1,438 + 359", ("test_accuracy", "test_loss")),
    "diabetes-regression": ("diabetes, 354 + 88", ("explained_variance", "held_out_loss")),
    "char-rnn": ("one sentence", ("rnn_perplexity", "lstm_perplexity")),
    "word-rnn": ("one sentence", ("rnn_perplexity", "lstm_perplexity")),
    "char-rnn --text=topics --dtype=float32": ("Python's help topics", ("lstm_held_out_perplexity", "by_pairs")),
    "word-rnn --text=topics --dtype=float32": ("Python's help topics", ("lstm_held_out_perplexity", "by_pairs")),
    "word-vectors --dtype=float32": (
        "Python's help topics", ("lstm_held_out_perplexity", "by_pairs", "within_kind", "across_kinds"),
    ),
    "lstm-remember": ("512 + 256 sequences of 80", ("rnn_accuracy", "lstm_accuracy")),
    "mnist --dtype=float32": ("MNIST, 60,000 + 10,000", ("test_accuracy", "test_loss")),
    "fashion-mnist --dtype=float32": ("Fashion-MNIST, 60,000 + 10,000", ("test_accuracy", "test_loss")),
}  # fmt: skip


class Ours(Run):
    """A run that keeps how long its trainings took."""

    seconds = 0.0

    def fit(self, *args: Any, **options: Any) -> History:
        begin = time.process_time()
        history = super().fit(*args, **options)
        self.seconds += time.process_time() - begin
        return history


class Theirs(Run):
    """A run whose trainings are PyTorch's: the model goes there as it starts, and comes back as it ends."""

    seconds = 0.0

    def fit(
        self, model: Any, loss: Any, optimizer: Any, data: Any, epochs: int, part: str = "training",
        callbacks: Any = (), validation: Any = None, metrics: Any = None, **_: Any,
    ) -> History:  # fmt: skip
        torch.manual_seed(0)
        twin = translated(model)
        begin = time.process_time()
        training = Training(model, twin, loss, translated_optimizer(optimizer, model, twin), metrics)
        training.fit(data, epochs, callbacks, validation)
        self.seconds += time.process_time() - begin
        hand_over(model, twin)
        self.history[part], self.model = training.history, model.eval()
        return training.history


class Training:
    """The loop of `microgradx.training.fit`, with PyTorch inside; it is what the program's own callbacks see."""

    def __init__(self, model: Any, twin: Any, loss: Any, optimizer: Any, metrics: Any) -> None:
        self.model, self.twin, self.loss, self.optimizer = model, twin, loss, optimizer
        self.cost = LOSSES[loss.__name__]
        self.accuracy = bool(metrics)
        self.history, self.stop = History(), ""

    def fit(self, data: Any, epochs: int, callbacks: Any, validation: Any) -> None:
        self.data = data
        norm = next((c.norm for c in callbacks if isinstance(c, ClipGradients)), None)
        schedule = next((c for c in callbacks if isinstance(c, Schedule)), None)
        others = [c for c in callbacks if not isinstance(c, (ClipGradients, Schedule))]
        if schedule:
            falling = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, schedule.scheduler.options["T_max"])
        looking = [c for c in others if type(c).on_backward is not Callback.on_backward]
        for each in others:
            each.on_start(self)
        for _ in range(epochs):
            self.twin.train()
            sums: list[Any] = []
            for *inputs, target in batches(data):
                self.optimizer.zero_grad()
                y = self.twin(*inputs)
                L = self.cost(y, target)
                L.backward()
                for each in looking:
                    hand_over(self.model, self.twin)
                    each.on_backward(self)
                if norm is not None:
                    tnn.utils.clip_grad_norm_(self.twin.parameters(), norm)
                self.optimizer.step()
                if schedule and schedule.every == "batch":
                    falling.step()
                sums.append(self.measured(y, target, L))
            self.history.rows.append(means(sums) | {"lr": self.optimizer.param_groups[0]["lr"]})
            if validation is not None:
                self.twin.eval()
                with torch.no_grad():
                    whole = DataLoader(getattr(validation, "dataset", validation), self.size(validation))
                    seen = [(self.twin(*x), t) for *x, t in batches(whole)]
                    found = means([self.measured(y, t, self.cost(y, t)) for y, t in seen])
                self.history.last.update({f"validation_{name}": value for name, value in found.items()})
            if hasattr(self.twin, "forget"):
                self.twin.forget()
            hand_over(self.model, self.twin)
            for each in others:
                each.on_epoch(self)
            if schedule and schedule.every == "epoch":
                falling.step()
            if self.stop:
                return

    def measured(self, y: Any, target: Any, loss: Any) -> dict[str, float]:
        """The sums of a batch: loss, right answers, samples."""
        found = {"loss": loss.item() * len(target), "samples": len(target)}
        if self.accuracy:
            with torch.no_grad():
                right = (y.argmax(1) == target) if y.ndim == target.ndim + 1 else ((y > 0.5) == (target > 0.5))
                found["accuracy"] = right.double().mean().item() * len(target)
        return found

    @staticmethod
    def size(validation: Any) -> int:
        return getattr(validation, "batch_size", 256)


def batches(data: Any) -> Any:
    """The loader's batches as torch's tensors, which share their memory."""
    return (tuple(torch.from_numpy(np.ascontiguousarray(each.data)) for each in batch) for batch in data)


def means(sums: list[dict[str, float]]) -> dict[str, float]:
    """Over all samples."""
    total = {name: sum(each[name] for each in sums) for name in sums[0]}
    samples = total.pop("samples")
    return {name: value / samples for name, value in total.items()}


LOSSES = {
    "cross_entropy": tnn.functional.cross_entropy, "mse_loss": tnn.functional.mse_loss,
    "binary_cross_entropy": tnn.functional.binary_cross_entropy,
    "squared_error": tnn.functional.mse_loss,  # of neuron
    "cost": lambda y, t: 0.5 * tnn.functional.mse_loss(y, t),  # of linear-regression
}  # fmt: skip


def compared(row: str) -> tuple[str, ...]:
    """A row of the table; without its files, MNIST's is left open."""
    (data, shown), (name, *words) = SHOWN[row], row.split()
    options: dict[str, Any] = dict(word.removeprefix("--").split("=") for word in words)
    cells = []
    for run in (Ours(), Theirs()):
        try:
            (PROGRAMS | WITH_FILES)[name].run(run, **options)
        except DataError:
            cells += ["its files are not here", "–"]
            continue
        cells += [", ".join(f"{run.numbers[key]:.4g}" for key in shown), f"{run.seconds:.2f}"]
    return (row, data, ", ".join(key.replace("_", " ") for key in shown), *cells)


def machine() -> str:
    """What it was measured on."""
    text = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").exists() else ""
    load = f"a load of {os.getloadavg()[0]:.0f} when it began" if hasattr(os, "getloadavg") else "the load is not known"
    busy = f"{load} (a busy machine takes more processor seconds too)"
    cpu = next((line.split(":")[1].strip() for line in text.splitlines() if "model name" in line), platform.processor())
    return (
        f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, one thread each, "
        f"CPython {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}, "
        f"microgradx {version('microgradx')}, {busy}"
    )


def main(names: list[str]) -> None:
    """Print the table, row by row."""
    torch.set_num_threads(1)
    print("# The programs beside PyTorch\n")
    print(machine() + ". Made by `python -m benchmarks.programs_beside_torch`, which says what is compared.\n")
    columns = (
        "program",
        "data (to learn from + held out)",
        "result",
        "microgradx",
        "CPU seconds",
        "PyTorch",
        "CPU seconds",
    )
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for run in (Ours(), Theirs()):  # what is loaded at first use is not counted
        PROGRAMS["gates"].run(run, epochs=2)
    for name in names or SHOWN:
        print(f"| {' | '.join(compared(name))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
