"""One function per plot; each takes numbers or functions and returns a matplotlib Figure."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.data.library import MissingExtraError
from microgradx.files import FileError, write_atomically
from microgradx.graph import Tensor, no_grad

_SUFFIXES = (".png", ".svg")


def save(figure: Any, path: str | Path) -> Path:
    """Write the figure to FILE.png or FILE.svg, whole or not at all; equal figures give equal files."""
    suffix = check_suffix(path)
    content = io.BytesIO()
    dated = {"Date": None} if suffix == ".svg" else {"Software": None}
    with _matplotlib().rc_context({"svg.hashsalt": "microgradx"}):
        figure.savefig(content, format=suffix[1:], dpi=120, metadata=dated)
    return write_atomically(path, content.getvalue())


def check_suffix(path: str | Path) -> str:
    """The suffix of a plot's file; a FileError when it is none that can be written."""
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise FileError(f"{path}: a plot is written as {' or '.join(_SUFFIXES)}; say which by the suffix.")
    return suffix


def curves(lines: Mapping[str, Sequence[float]], x: str = "epoch", y: str = "loss", log: bool = False) -> Any:
    """Lines over 1, 2, 3 …: losses by epoch, say. With `log`, the vertical axis counts in powers of ten."""
    figure, axes = _axes(1)
    for name, values in lines.items():
        axes[0].plot(np.arange(1, len(values) + 1), values, label=name)
    axes[0].set(xlabel=x, ylabel=y, yscale="log" if log else "linear")
    axes[0].legend()
    return figure


def fitted(x: Any, t: Any, function: Callable[[Any], Any], name: str = "learned") -> Any:
    """Points (x, t), one number each, and the line that a function draws through them."""
    figure, axes = _axes(1)
    x, t = np.ravel(x), np.ravel(t)
    grid = np.linspace(x.min(), x.max(), 200)
    axes[0].scatter(x, t, s=14, label="data")
    axes[0].plot(grid, np.ravel(function(grid[:, None])), color="C1", label=name)
    axes[0].set(xlabel="x", ylabel="t")
    axes[0].legend()
    return figure


def boundary(function: Callable[[Any], Any], X: Any, labels: Any) -> Any:
    """Where a function of X (n, 2) says what: probabilities (n, 1) or class numbers (n,), below the samples."""
    figure, axes = _axes(1)
    X, labels = np.asarray(X), np.ravel(labels)
    margin = 0.2 * np.ptp(X, axis=0) + 0.1
    low, high = X.min(axis=0) - margin, X.max(axis=0) + margin
    first, second = np.meshgrid(*(np.linspace(a, b, 200) for a, b in zip(low, high, strict=True)))
    answers = np.reshape(function(np.stack([first.ravel(), second.ravel()], axis=1)), first.shape)
    shown = axes[0].contourf(first, second, answers, levels=20, cmap="RdYlBu_r", alpha=0.6)
    axes[0].contour(first, second, answers, levels=np.arange(0.5, max(1.0, labels.max())), colors="black")
    axes[0].scatter(*X.T, c=labels, cmap="RdYlBu_r", edgecolors="black")
    axes[0].set(xlabel="x1", ylabel="x2")
    figure.colorbar(shown)
    return figure


def descent(cost: Callable[[Any], Any], paths: Mapping[str, Sequence[float]], low: float, high: float) -> Any:
    """The cost of one weight from `low` to `high`, and where the steps of gradient descent stood on it."""
    figure, axes = _axes(len(paths), shared=True)
    grid = np.linspace(low, high, 300)
    for each, (name, path) in zip(axes, paths.items(), strict=True):
        inside = [w for w in path if low <= w <= high]
        each.plot(grid, [cost(w) for w in grid], color="gray")
        each.plot(inside, [cost(w) for w in inside], "o-", color="C3", markersize=4)
        each.set(title=name, xlabel="w")
    axes[0].set_ylabel("cost")
    return figure


def activation(function: Callable[[Any], Any], name: str, low: float = -5.0, high: float = 5.0) -> Any:
    """A function of one number and its derivative."""
    x = Tensor(np.linspace(low, high, 401))
    y = function(x)
    y.sum().backward()
    figure, axes = _axes(1)
    axes[0].plot(x.data, y.data, label=f"{name}(x)")
    axes[0].plot(x.data, x.grad, "--", label="its derivative")
    axes[0].set_xlabel("x")
    axes[0].grid(alpha=0.3)
    axes[0].legend()
    return figure


def filters(kernels: Any, image: Any = None, maps: Any = None) -> Any:
    """Kernels (n, 1, h, w) as pictures; below them the feature maps (n, h, w) that they make of an image (h, w)."""
    kernels = np.asarray(kernels)[:, 0]
    rows = 1 if maps is None else 2
    figure, axes = _axes(len(kernels) + (maps is not None), rows=rows)
    for cell in axes:
        cell.axis("off")
    shift = 0
    if maps is not None:
        axes[len(kernels) + 1].imshow(image, cmap="gray_r")
        shift = 1
        for k, each in enumerate(np.asarray(maps)):
            axes[len(kernels) + 2 + k].imshow(each, cmap="viridis")
    limit = float(np.abs(kernels).max())
    for k, kernel in enumerate(kernels):
        axes[k + shift].imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    return figure


def gradient_norms(lines: Mapping[str, Sequence[float]], places: str) -> Any:
    """How large the gradient is, place by place (layers, or time steps); on a scale of powers of ten."""
    return curves(lines, x=places, y="size of the gradient", log=True)


def of_model(model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model as a function from arrays to arrays, for the plots here."""

    def function(X: Any) -> Any:
        with no_grad():
            return model(Tensor(X, False)).data

    return function


def _axes(columns: int, rows: int = 1, shared: bool = False) -> tuple[Any, list[Any]]:
    """A figure of its own, with no window and no global state, and its axes row by row."""
    _matplotlib()
    from matplotlib.figure import Figure

    small = columns > 4
    size = (1.1 * columns, 1.3 * rows) if small else (max(6.0, 4.0 * columns), 4.2 * rows)
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, columns, sharey=shared, squeeze=False)))


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise MissingExtraError(
            'plots need matplotlib, which is not installed: pip install "microgradx[plot]".'
        ) from None
    return matplotlib
