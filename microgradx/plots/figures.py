"""One function per plot; each takes numbers or functions and returns a matplotlib Figure."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgradx.data.library import MissingExtraError
from microgradx.files import FileError, check_place, write_atomically
from microgradx.graph import Tensor, no_grad
from microgradx.graph.errors import install

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


def check(path: str | Path) -> None:
    """Refuse a plot that could not be written later: its suffix, its place, or matplotlib is missing."""
    check_suffix(path)
    check_place(path)
    _matplotlib()


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
    top = max(1.0, float(labels.max()))  # one scale for all: an answer near 0.5 everywhere is pale everywhere
    shown = axes[0].contourf(first, second, answers, levels=np.linspace(0, top, 21), cmap="RdYlBu_r", alpha=0.6)
    axes[0].contour(first, second, answers, levels=np.arange(0.5, top), colors="black")
    axes[0].scatter(*X.T, c=labels, cmap="RdYlBu_r", vmin=0, vmax=top, edgecolors="black")
    axes[0].set(xlabel="x1", ylabel="x2")
    figure.colorbar(shown, ticks=np.linspace(0, top, 5 if top == 1 else int(top) + 1))
    return figure


def costs(functions: Mapping[str, Callable[[float], Any]], low: float, high: float) -> Any:
    """Costs of one weight side by side, each on its own scale."""
    figure, axes = _axes(len(functions))
    grid = np.linspace(low, high, 300)
    for each, (name, function) in zip(axes, functions.items(), strict=True):
        each.plot(grid, [float(function(float(w))) for w in grid])
        each.set(title=name, xlabel="w", ylabel="cost")
        each.grid(alpha=0.3)
    return figure


def descent(cost: Callable[[Any], Any], paths: Mapping[str, Sequence[float]], low: float, high: float) -> Any:
    """The cost of one weight from `low` to `high`, and where the steps of gradient descent stood on it."""
    figure, axes = _axes(len(paths), shared=True)
    grid = np.linspace(low, high, 300)
    heights = [cost(w) for w in grid]
    span = max(heights) - min(heights)
    for each, (name, path) in zip(axes, paths.items(), strict=True):
        inside = _until_outside(path, lambda w: low <= w <= high)
        each.plot(grid, heights, color="gray")
        each.plot(inside, [cost(w) for w in inside], "o-", color="C3", markersize=4)
        each.set(title=name, xlabel="w", xlim=(low, high), ylim=(min(heights) - 0.03 * span, max(heights)))
    axes[0].set_ylabel("cost")
    return figure


def contours(
    cost: Callable[[float, float], float], paths: Mapping[str, Sequence[tuple[float, float]]],
    w: tuple[float, float], b: tuple[float, float],
) -> Any:  # fmt: skip
    """Lines of equal cost over two weights, in the ranges `w` and `b`, and the steps of gradient descent on them."""
    figure, axes = _axes(len(paths), shared=True)
    across, up = np.linspace(*w, 160), np.linspace(*b, 160)
    heights = np.array([[cost(float(x), float(y)) for x in across] for y in up])
    lowest = float(heights.min())
    levels = lowest + (float(heights.max()) - lowest) * np.linspace(0, 1, 15)[1:] ** 3  # close where it is flat
    for each, (name, path) in zip(axes, paths.items(), strict=True):
        each.contour(across, up, heights, levels=levels, cmap="viridis", linewidths=0.8)
        inside = _until_outside(path, lambda at: w[0] <= at[0] <= w[1] and b[0] <= at[1] <= b[1])
        each.plot(*np.transpose(inside), "o-", color="C3", markersize=3, linewidth=1)
        each.set(title=name, xlabel="w", xlim=w, ylim=b)
    axes[0].set_ylabel("b")
    return figure


def _until_outside(path: Sequence[Any], inside: Callable[[Any], bool]) -> list[Any]:
    """The path up to the first place outside: what diverges would cover the plot."""
    gone = next((k for k, place in enumerate(path) if not inside(place)), len(path))
    return list(path[: gone + 1])


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
        for cell, text in (
            (axes[0], "kernels:\nred above 0,\nblue below"),
            (axes[len(kernels) + 1], "picture,\nand its maps"),
        ):
            cell.set_title(text, fontsize="x-small", y=0.3 if cell is axes[0] else None)
        axes[len(kernels) + 1].imshow(image, cmap="gray_r")
        shift = 1
        for k, each in enumerate(np.asarray(maps)):
            axes[len(kernels) + 2 + k].imshow(each, cmap="viridis")
    limit = float(np.abs(kernels).max())
    for k, kernel in enumerate(kernels):
        axes[k + shift].imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    return figure


def gradient_norms(panels: Mapping[str, Mapping[str, Any]]) -> Any:
    """How large the gradient is, place by place, on a scale of powers of ten.

    Args:
        panels: by what the places are ("layer", "time step"), lines by name: norms one place after the other, or by
            the name of the place.
    """
    figure, axes = _axes(len(panels), shared=True)
    for each, (places, lines) in zip(axes, panels.items(), strict=True):
        for name, norms in lines.items():
            named = isinstance(norms, Mapping)
            at = list(norms) if named else np.arange(1, len(norms) + 1)
            each.plot(at, list(norms.values()) if named else norms, "o-", markersize=3, label=name)
            if named:
                each.tick_params("x", rotation=30)
                for label in each.get_xticklabels():
                    label.set_horizontalalignment("right")
        each.set(xlabel=places, yscale="log")
        each.grid(alpha=0.3)
    axes[0].set_ylabel("size of the gradient")
    known = {name: line for each in axes for line, name in zip(*each.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), loc="outside right upper", fontsize="small")
    return figure


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
        raise MissingExtraError(f"plots need matplotlib, which is not installed: {install('plot')}.") from None
    return matplotlib
