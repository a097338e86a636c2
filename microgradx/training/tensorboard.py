"""A training as events that TensorBoard shows: numbers, histograms of all that flows through the model, its graph."""

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.data.library import MissingExtraError
from microgradx.files import FileError
from microgradx.graph.errors import install
from microgradx.training.callbacks import Callback, Run
from microgradx.training.looking import look


class TensorBoard(Callback):
    """Write scalars and histograms after every epoch, and after the first one the recorded graph.

    The histograms are those of one batch (see `looking.look`): `weights/NAME` and `biases/NAME`, `activations/LAYER` a
    layer's outputs, `activation_gradients/LAYER` the loss by them, `gradients/NAME` the loss by a parameter, before
    clipping. Numbers that are not finite are left out of histograms, which cannot hold them. The graph is what the
    engine recorded on that batch, from inputs and weights to the loss: one node per result, grouped by scope.

    Args:
        folder: one training each, in FOLDER/NAME; a second training of that name gets FOLDER/NAME-2, and so on.

    Raises:
        MissingExtraError: tensorboardX is not installed.
        FileError: the folder cannot be made, or written to.
    """

    only_watches = True

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.used = Path(folder), Counter[str]()
        _library()  # when it is missing, this is known before the training; and so with the folder
        try:  # the folder itself is made with the first event: a training that is refused leaves none behind
            there = next(each for each in (self.folder, *self.folder.absolute().parents) if each.exists())
            Path(tempfile.mkdtemp(dir=there)).rmdir()
        except OSError as problem:
            raise FileError(
                f"cannot write TensorBoard events into {folder}: {problem.strerror or problem}. It must be a folder, "
                "or a name that nothing has yet, in a place where you may write; choose another one."
            ) from None

    def on_start(self, run: Run) -> None:
        name = re.sub(r"[^\w.]+", "-", run.name)
        self.used[name] += 1
        again = f"-{self.used[name]}" if self.used[name] > 1 else ""
        self.events = _library().SummaryWriter(str(self.folder / f"{name}{again}"))
        self.graph_written = False

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
        if not self.graph_written:
            self.events.file_writer.add_event(_library().proto.event_pb2.Event(graph_def=graph_bytes(seen.nodes)))
            self.graph_written = True

    def on_end(self, run: Run) -> None:
        self.events.close()

    def _histogram(self, name: str, array: Any, epoch: int) -> None:
        finite = np.asarray(array)[np.isfinite(array)]
        if finite.size:
            self.events.add_histogram(name, finite, epoch)


def graph_bytes(nodes: list[Any]) -> bytes:
    """Recorded nodes, inputs first, as a serialised GraphDef: TensorFlow's form of a graph, which TensorBoard draws."""
    proto = _library().proto
    graph = proto.graph_pb2.GraphDef()
    names: dict[Any, str] = {}
    used = Counter[str]()
    for node in nodes:
        own = node.name or (node.op.name if node.op else "constant")
        # A weight's name is its path already; scopes become groups.
        path = own.replace(".", "/") if node.is_leaf else "/".join([*node.scope.split("."), own])
        path = re.sub(r"[^A-Za-z0-9_./\\-]", "_", path.strip("/"))
        used[path] += 1
        names[node] = f"{path}_{used[path]}" if used[path] > 1 else path
        sizes = [proto.tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in node.shape]
        shape = proto.tensor_shape_pb2.TensorShapeProto(dim=sizes)
        shapes = proto.attr_value_pb2.AttrValue.ListValue(shape=[shape])
        graph.node.add(
            name=names[node],
            op=node.op.name if node.op else "Parameter" if node.requires_grad else "Constant",
            input=[names[each] for each in node.inputs],
            attr={"_output_shapes": proto.attr_value_pb2.AttrValue(list=shapes)},
        )
    return bytes(graph.SerializeToString())


def _library() -> Any:
    try:
        import tensorboardX
        import tensorboardX.proto.event_pb2
        import tensorboardX.proto.graph_pb2
    except ImportError:
        raise MissingExtraError(
            f"TensorBoard events need tensorboardX, which is not installed: {install('tensorboard')}."
        ) from None
    return tensorboardX
