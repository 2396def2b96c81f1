"""The drawing of a network: layers from left to right, a circle for each unit, a line for each connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from fnn.network.architecture import Architecture
from fnn.plots.canvas import SIGNED_LINES, ink

Reals: TypeAlias = NDArray[np.float64]

RADIUS: Final = 0.34  # of a unit, as a part of the distance to the next one
_FINEST, _WIDEST = 0.3, 3.0  # lines, in points


class Diagram(NamedTuple):
    """Which units are drawn, counted from 0, and where: for each layer (k,) and (k, 2); and the dots for the others."""

    architecture: Architecture
    units: list[NDArray[np.int64]]
    places: list[Reals]
    dots: list[tuple[float, float]]
    is_wide: bool

    @property
    def tallest(self) -> float:
        """The height of the tallest layer."""
        return max(float(np.ptp(places[:, 1])) for places in self.places)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches that suit it, with a colour bar."""
        height = min(max((0.8 if self.is_wide else 0.5) * self.tallest + 1.6, 3.2), 8.0)
        ratio = (self.places[-1][0, 0] + 3) / (self.tallest + 2.5)

        return min(max(height * ratio + 1.2, 4.8), 16.0), height


def diagram_of(architecture: Architecture, most: int, *, wide: bool = False) -> Diagram:
    """Of a layer with more than `most` units the first and the last ones are drawn, and dots between them.

    A wide one has room for numbers on its connections.
    """
    units, slots, dots = [], [], []
    for n in architecture.sizes:
        first = n if n <= most else most - most // 2
        drawn = np.arange(n) if n <= most else np.r_[:first, n - most // 2 : n]
        heights = np.arange(len(drawn) + (n > most), dtype=np.float64)
        heights = (len(heights) - 1) / 2 - heights
        units.append(drawn)
        slots.append(np.delete(heights, first) if n > most else heights)
        dots.append(float(heights[first]) if n > most else None)
    tallest = max(map(len, units))
    step = max(3.5, 0.8 * tallest) if wide else max(2.5, 0.45 * tallest)
    places = [np.column_stack([np.full(len(y), step * i), y]) for i, y in enumerate(slots)]

    return Diagram(architecture, units, places, [(step * i, y) for i, y in enumerate(dots) if y is not None], wide)


def frame(ax: Axes, diagram: Diagram) -> float:
    """Clear the frame for a diagram, and write under each layer what it is; the size of letters that fit a unit."""
    bottom = -diagram.tallest / 2
    right = float(diagram.places[-1][0, 0])
    ax.set(xlim=(-1.5, right + 1.5), ylim=(bottom - 1.5, -bottom + 0.7), aspect="equal")
    ax.axis("off")
    kinds = ["inputs" if diagram.architecture.sizes[0] > 1 else "input"]
    kinds += [f.name for f in diagram.architecture.activations]
    labels = [f"{n} {kind}" for n, kind in zip(diagram.architecture.sizes, kinds, strict=True)]
    box = ax.get_window_extent()
    points = 72 / ax.figure.dpi * min(box.width / (right + 3), box.height / (-2 * bottom + 2.2))
    step = right / (len(labels) - 1)
    size = min(max(step * points / (0.85 * max(map(len, labels))), 4.0), 9.0)
    for places, label in zip(diagram.places, labels, strict=True):
        ax.text(places[0, 0], bottom - 0.8, label, ha="center", va="top", fontsize=size)
    for x, y in diagram.dots:
        ax.text(x, y, "⋮", ha="center", va="center", fontsize=14)

    return min(max(0.2 * points, 4.0), 10.0)


def draw_connections(ax: Axes, diagram: Diagram, weights: Sequence[Reals], norm: Normalize | None) -> LineCollection:
    """A line for each weight (n_{l−1}, n_l) other than 0, the largest on top; without a norm all thin and grey."""
    lines, values = [], []
    for layer, W in enumerate(weights):
        drawn = W[np.ix_(*diagram.units[layer : layer + 2])]
        i, j = np.nonzero(drawn)
        lines.append(np.stack([diagram.places[layer][i], diagram.places[layer + 1][j]], axis=1))
        values.append(drawn[i, j])
    segments, w = np.concatenate(lines), np.concatenate(values)
    if norm is None:
        connections = LineCollection(list(segments), colors="0.75", linewidths=0.6, zorder=1)
    else:
        order, limit = np.argsort(np.abs(w), kind="stable"), float(norm.vmax or 1)
        widths = _FINEST + (_WIDEST - _FINEST) * np.minimum(np.abs(w[order]) / limit, 1)
        connections = LineCollection(
            list(segments[order]), array=w[order], cmap=SIGNED_LINES, norm=norm, linewidths=widths.tolist(), zorder=1
        )
    ax.add_collection(connections)

    return connections


def draw_units(ax: Axes, diagram: Diagram, values: Sequence[Reals | None], norm: Normalize) -> EllipseCollection:
    """A circle for each unit, coloured by the value of its layer's array (n_l,); white where there is none."""
    shown = [
        np.full(len(units), np.nan) if of_layer is None else of_layer[units]
        for units, of_layer in zip(diagram.units, values, strict=True)
    ]
    places = np.concatenate(diagram.places)
    array, across = np.ma.masked_invalid(np.concatenate(shown)), [2 * RADIUS]
    circles = EllipseCollection(
        across, across, [0], units="xy", offsets=places, offset_transform=ax.transData, array=array, cmap=SIGNED_LINES,
        norm=norm, edgecolors="0.3", linewidths=0.8, zorder=3,
    )  # fmt: skip
    ax.add_collection(circles)

    return circles


def write_in_units(ax: Axes, circles: EllipseCollection, letters: float) -> None:
    """The values of the units as numbers, those that there are."""
    values: Reals = np.ma.filled(np.ma.asarray(circles.get_array()), np.nan)
    for (x, y), value, colour in zip(np.asarray(circles.get_offsets()), values, circles.to_rgba(values), strict=True):
        if not np.isnan(value):
            ax.text(x, y, short(value), ha="center", va="center", fontsize=letters, color=ink(colour), zorder=4)


def write_on_connections(ax: Axes, diagram: Diagram, weights: Sequence[Reals], letters: float) -> None:
    """The weights as numbers, near that end of the connections where there are more units."""
    for layer, W in enumerate(weights):
        (starts, ends), (sources, targets) = diagram.places[layer : layer + 2], diagram.units[layer : layer + 2]
        for i, j in np.argwhere(W[np.ix_(sources, targets)]):
            near_start = len(starts) >= len(ends)
            way = 0.2 + 0.36 * j / len(ends) if near_start else 0.8 - 0.36 * i / len(starts)
            x, y = starts[i] + way * (ends[j] - starts[i])
            ax.text(
                x, y, short(W[sources[i], targets[j]]), ha="center", va="center", fontsize=letters, zorder=2,
                bbox={"facecolor": rcParams["figure.facecolor"], "edgecolor": "none", "pad": 0.5},
            )  # fmt: skip


def write_names(ax: Axes, places: Reals, names: Sequence[str] | None, units: NDArray[np.int64], side: int) -> None:
    """Names, if there are any, to the left, −1, or to the right, 1, of the units that are drawn."""
    if names is None:
        return
    for (x, y), unit in zip(places, units, strict=True):
        place, align = (x + side * (RADIUS + 0.1), y), "left" if side > 0 else "right"
        ax.annotate(names[unit], place, ha=align, va="center", fontsize=9, annotation_clip=False)


def short(value: float) -> str:
    """A number in about four characters."""
    magnitude = abs(value)
    if 0 < magnitude < 0.005 or magnitude >= 9999.5:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")

    return f"{value:.{2 if magnitude < 9.995 else 1 if magnitude < 99.95 else 0}f}".replace("-", "−")
