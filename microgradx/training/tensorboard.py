"""A training as events that TensorBoard shows: numbers, and histograms of everything that flows through the model."""

from pathlib import Path
from typing import Any

import numpy as np

from microgradx.data.library import MissingExtraError
from microgradx.training.callbacks import Callback, Run
from microgradx.training.looking import look


class TensorBoard(Callback):
    """Write scalars after every epoch, and histograms of weights, biases, activations and gradients.

    The activations and all gradients are those of one batch (see `looking.look`): `activations/LAYER` are a layer's
    outputs, `activation_gradients/LAYER` the loss by them, `gradients/NAME` the loss by a parameter, before clipping.
    Numbers that are not finite are left out of histograms, which cannot hold them.

    Args:
        folder: one training each; a second training with the same callback gets FOLDER/training-2, and so on.

    Raises:
        MissingExtraError: tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.trainings = Path(folder), 0
        _writer()  # when it is missing, this is known before the training

    def on_start(self, run: Run) -> None:
        self.trainings += 1
        self.events = _writer()(str(self.folder / f"training-{self.trainings}"))

    def on_epoch(self, run: Run) -> None:
        for name, number in run.history.last.items():
            self.events.add_scalar(name, number, run.epoch)
        seen = look(run)
        for name, p in run.model.named_parameters():
            kind = "biases" if "bias" in name.rpartition(".")[2] else "weights"
            self._histogram(f"{kind}/{name}", p.data, run.epoch)
        for group, arrays in (
            ("activations", seen.outputs), ("activation_gradients", seen.arriving), ("gradients", seen.gradients)
        ):  # fmt: skip
            for name, array in arrays.items():
                self._histogram(f"{group}/{name}", array, run.epoch)

    def on_end(self, run: Run) -> None:
        self.events.close()

    def _histogram(self, name: str, array: Any, epoch: int) -> None:
        finite = np.asarray(array)[np.isfinite(array)]
        if finite.size:
            self.events.add_histogram(name, finite, epoch)


def _writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise MissingExtraError(
            'TensorBoard events need tensorboardX, which is not installed: pip install "microgradx[tensorboard]".'
        ) from None
    return SummaryWriter
