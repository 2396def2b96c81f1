"""What a network makes of classes: `decision`, `confusion` and `calibration`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from numpy.typing import ArrayLike, NDArray

from fnn.activations.library import log_softmax
from fnn.boundary.checks import whole
from fnn.data.cases import Cases
from fnn.equations.forward import forward
from fnn.metrics import confusion_matrix, outputs_and_labels, threshold_of
from fnn.network.params import DT, Params, require_params
from fnn.plots.canvas import (
    MARKERS,
    PALETTE,
    axes_of,
    colour_bar,
    colour_of,
    columns_of,
    finite_outputs,
    ink,
    legend,
    names_of,
    plain,
    plot,
)

Reals: TypeAlias = NDArray[np.float64]

_MARGIN: Final = 0.08  # around the cases, as a part of their extent
_QUANTILE: Final = 1.6448536269514722  # of the normal distribution, for 90 %
_FEW: Final = 20  # classes


@plot
def decision(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None = None, *, threshold: SupportsFloat = 0.5,
    names: Sequence[str] | None = None, inputs: Sequence[str] | None = None, resolution: SupportsIndex = 200,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The region of each class that a network with two inputs predicts, with the cases in it.

    Classes have their own colours and markers; the boundaries are lines. The limits depend on x alone.

    Parameters
    ----------
    params, x, labels, threshold
        As for `accuracy`, with two inputs: (N, 2).
    names
        Of the classes, n_L or, with a single output, two; by default their numbers.
    inputs
        Names of the two inputs, perhaps with their units; by default those of a data frame's columns, or x₁ and x₂.
    resolution
        At how many points the network is evaluated along either axis, 2 to 2000.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError, TypeError
        As `accuracy` does; another number of inputs.

    Examples
    --------
    >>> import fnn
    >>> x, labels = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> ax = fnn.plots.decision(fnn.init((2, 2, 1), seed=0), x, labels)
    >>> ax.get_xlabel(), ax.get_ylabel(), len(ax.lines)
    ('x₁', 'x₂', 2)
    """
    require_params("params", params)
    if params.sizes[0] != 2:
        raise ValueError(f"params: needs two inputs for a picture of its regions, has {params.sizes[0]}")
    points = whole("resolution", resolution, at_least=2, at_most=2000)
    a, classes = outputs_and_labels(params, x, labels)
    count, cut = max(a.shape[1], 2), threshold_of(threshold)
    names = names_of("names", names, count, "classes") or [str(i) for i in range(count)]
    inputs = names_of("inputs", inputs, 2, "inputs") or columns_of(x, 2) or ["x₁", "x₂"]
    places, scale = (x.x, x.scale) if isinstance(x, Cases) else (np.asarray(x), 1.0)
    places = np.atleast_2d(places).astype(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    around = _MARGIN * np.where(high > low, high - low, np.maximum(np.abs(low), 1.0))
    across, up = np.linspace(low - around, high + around, points).T
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    outputs = finite_outputs("params", forward(params, grid, scale=scale))
    margins = _margins(outputs, cut).reshape(points, points, count)
    ax = axes_of(ax)
    _draw_regions(ax, across, up, margins)
    is_drawn = (margins.max(axis=(0, 1)) > 0) | (np.bincount(classes, minlength=count) > 0)
    for i in np.flatnonzero(is_drawn).tolist():
        own, (marker, size) = places[classes == i], MARKERS[i % len(MARKERS)]
        ax.plot(
            own[:, 0], own[:, 1], marker, color=colour_of(i), label=names[i], markersize=size,
            markeredgecolor="white", markeredgewidth=0.5,
        )  # fmt: skip
    ax.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]), xlabel=inputs[0], ylabel=inputs[1])
    ax.set_title("classes predicted, and cases", loc="left")
    if count <= _FEW:
        letters = "small" if count > 12 else None
        ax.legend(title="class", fontsize=letters, framealpha=0.8, loc="upper left", bbox_to_anchor=(1, 1))

    return ax


@plot
def confusion(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None = None, *, threshold: SupportsFloat = 0.5,
    names: Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """How many cases of each class (rows) are taken for each class (columns): `confusion_matrix`.

    A square is the darker the greater its part of the row, the class's cases.

    Parameters
    ----------
    params, x, labels, threshold
        As for `accuracy`.
    names
        Of the classes, n_L or, with a single output, two; by default their numbers.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes. Up to 20 classes have their numbers of cases in the squares.

    Raises
    ------
    ValueError, TypeError
        As `confusion_matrix` does; another number of names.

    Examples
    --------
    >>> import numpy as np, fnn
    >>> params = fnn.Params({"W1": np.eye(2), "b1": np.zeros(2)}, hidden=(), output=fnn.softmax)
    >>> ax = fnn.plots.confusion(params, [[3.0, 2.0], [1.0, 2.0], [4.0, 3.0]], [0, 1, 1])
    >>> [text.get_text() for text in ax.texts], ax.get_title(loc="left")
    (['1', '0', '1', '1'], '2 of 3 cases right: 66.67 %')
    """
    counts = confusion_matrix(params, x, labels, threshold=threshold)
    names = names_of("names", names, len(counts), "classes") or [str(i) for i in range(len(counts))]
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(max(0.5 * len(counts) + 1.5, 4.0), 9.0)
    ax = axes_of(ax, side + 1, side)
    image = ax.imshow(parts, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    if len(counts) <= _FEW:
        for (row, column), count in np.ndenumerate(counts):
            colour = ink(image.to_rgba(parts[row, column]))
            ax.text(column, row, f"{count}", ha="center", va="center", color=colour, fontsize=9)
        ax.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 4 else 0)
        ax.set_yticks(range(len(names)), names)
    right, total = int(np.trace(counts)), int(counts.sum())
    ax.set(xlabel="class predicted", ylabel="class")
    ax.set_title(f"{right:,} of {total:,} cases right: {right / total:.2%}".replace("%", " %"), loc="left")
    colour_bar(ax, image, "part of the class's cases")

    return ax


@plot
def calibration(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None = None, *, of: SupportsIndex | None = None,
    bins: SupportsIndex = 10, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """How often what is predicted comes true, by the probability that it was predicted with.

    A point is a bin of cases whose probabilities are nearly the same: their mean, and the fraction of the cases in
    which the class came. The line through it is the interval that holds the true fraction with 90 % (Wilson 1927): the
    fewer cases, the longer. Points on the diagonal are what a calibrated network has.

    Parameters
    ----------
    params, x, labels
        As for `accuracy`. The outputs are probabilities, or those of `log_softmax`.
    of
        The class, counted from 0, whose probabilities are looked at; with a single output that of class 1. By default,
        with several outputs, the class that each case is taken for.
    bins
        Into how many equal parts the range from 0 to 1 is divided, at least 1; those without a case aren't drawn.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError, TypeError
        As `accuracy` does; outputs that aren't probabilities; a number out of range.

    Examples
    --------
    >>> import fnn
    >>> params = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.sigmoid)
    >>> ax = fnn.plots.calibration(params, [[-1.0], [-2.0], [1.0], [2.0]], [0, 0, 1, 0], bins=2)
    >>> ax.lines[1].get_ydata().tolist()
    [0.0, 0.5]
    """
    a, classes = outputs_and_labels(params, x, labels)
    p = np.exp(a.astype(np.float64)) if params.activations[-1] == log_softmax else a.astype(np.float64)
    bad = p[~((p >= 0) & (p <= 1))]
    if bad.size:
        raise ValueError(f"params: its outputs must be probabilities, from 0 to 1, got {bad[0]:.6g}")
    p, came, what = _predicted(p, classes, of)
    count = whole("bins", bins, at_least=1)
    bin_of = np.minimum((p * count).astype(np.int64), count - 1)
    parts = [np.flatnonzero(bin_of == i) for i in np.unique(bin_of)]
    means, fractions = (np.array([values[part].mean() for part in parts]) for values in (p, came))
    low, high = _wilson(fractions, np.array([len(part) for part in parts]))
    ax = axes_of(ax, 5.4, 5.0)
    ax.plot([0, 1], [0, 1], "--", color="0.5", linewidth=1, label="calibrated", zorder=1)
    ax.vlines(means, low, high, color=PALETTE[0], linewidth=1.2, label="90 % interval", zorder=2)
    ax.plot(means, fractions, "o", color=PALETTE[0], markersize=5, label="cases, in bins", zorder=3)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.set(xlabel=f"probability predicted of {what}", ylabel="fraction that came true")
    ax.set_title(f"calibration, {len(p):,} cases", loc="left")
    legend(ax, len(parts))
    plain(ax)

    return ax


def _margins(a: Reals, threshold: float) -> Reals:
    """By how much each class (columns) is ahead of the others, for each row of outputs; below 0 if it is behind."""
    if a.shape[1] == 1:
        return np.concatenate([threshold - a, a - threshold], axis=1)
    second, first = np.partition(a, -2, axis=1)[:, -2:].T
    is_first = np.arange(a.shape[1]) == a.argmax(axis=1)[:, None]

    return np.asarray(a - np.where(is_first, second[:, None], first[:, None]))


def _draw_regions(ax: Axes, across: Reals, up: Reals, margins: Reals) -> None:
    """A pale area where a class is ahead, and a line about it."""
    for i in range(margins.shape[2]):
        margin = margins[:, :, i]
        if margin.max() > 0:
            pale = to_rgba(colour_of(i), 0.25)
            ax.contourf(across, up, margin, levels=[0, 2 * margin.max()], colors=[pale], zorder=0)
            if margin.min() < 0:
                ax.contour(across, up, margin, levels=[0], colors="0.3", linewidths=0.8, zorder=1)


def _predicted(p: Reals, classes: NDArray[np.int64], of: SupportsIndex | None) -> tuple[Reals, NDArray[np.bool_], str]:
    """The probabilities that are looked at, whether each came true, and of what they are."""
    if of is None and p.shape[1] > 1:
        best = p.argmax(axis=1)
        return p.max(axis=1), best == classes, "the class predicted"
    number = 1 if of is None else whole("of", of, at_least=0, at_most=max(p.shape[1], 2) - 1)
    of_all = np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p

    return of_all[:, number], classes == number, f"class {number}"


def _wilson(fractions: Reals, counts: NDArray[np.int64]) -> tuple[Reals, Reals]:
    """Wilson's interval for fractions of a number of cases: where they can lie with 90 %."""
    z2 = _QUANTILE**2 / counts
    middle = (fractions + z2 / 2) / (1 + z2)
    half = np.sqrt(fractions * (1 - fractions) * z2 + z2**2 / 4) / (1 + z2)

    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
