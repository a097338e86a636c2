"""Events for TensorBoard: what was measured, and histograms of weights and gradients."""

from pathlib import Path
from typing import Any

import numpy as np

from microgradx.data.library import MissingExtraError
from microgradx.training import Callback
from microgradx.training.callbacks import Run


class Events(Callback):
    """Write scalars after every epoch, and histograms of every weight and of the last batch's gradients.

    Each training gets a folder of its own below `folder`, so that TensorBoard shows them as separate runs.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.trainings = Path(folder), 0
        self._writer()

    def _writer(self) -> Any:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError(
                'TensorBoard events need tensorboardX, which is not installed: pip install "microgradx[tensorboard]".'
            ) from None
        return SummaryWriter

    def on_start(self, run: Run) -> None:
        self.trainings += 1
        self.events = self._writer()(str(self.folder / f"training-{self.trainings}"))

    def on_epoch(self, run: Run) -> None:
        for name, number in run.history.last.items():
            self.events.add_scalar(name, number, run.epoch)
        for name, p in run.model.named_parameters():
            self.events.add_histogram(f"weights/{name}", p.data, run.epoch)
            if p.grad is not None and np.isfinite(p.grad).all():
                self.events.add_histogram(f"gradients/{name}", np.asarray(p.grad), run.epoch)

    def on_end(self, run: Run) -> None:
        self.events.close()
