"""What is in a plot, in arrays: matplotlib's own getters return unions of many types."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Reals = NDArray[np.float64]


def drawn(ax: Axes) -> Axes:
    """The axes once they are drawn, which gives collections their colours."""
    assert isinstance(ax.figure, Figure)
    ax.figure.draw_without_rendering()

    return ax


def values_of(part: Any) -> Reals:
    """The values that colour a collection or an image; NaN where there is none."""
    values: Reals = np.ma.filled(np.ma.asarray(part.get_array()).astype(np.float64), np.nan)

    return values


def places_of(part: Any) -> Reals:
    return np.asarray(part.get_offsets(), np.float64)


def widths_of(part: Any) -> Reals:
    return np.asarray(part.get_linewidths(), np.float64)


def colours_of(part: Any) -> Reals:
    """Red, green, blue and opacity of lines."""
    return np.asarray(part.get_colors(), np.float64)


def faces_of(part: Any) -> Reals:
    """Red, green, blue and opacity of areas."""
    return np.asarray(part.get_facecolor(), np.float64)


def vertices_of(contour: Any) -> Reals:
    """The points of a contour's first path."""
    return np.asarray(contour.get_paths()[0].vertices, np.float64)


def has_point(area: Any, point: tuple[float, float]) -> bool:
    """Whether a filled contour holds a point."""
    return any(path.contains_point(point) for path in area.get_paths())


def points_of(line: Any) -> tuple[list[float], list[float]]:
    return np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()


def texts_of(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None

    return [text.get_text() for text in legend.get_texts()]


def bars_of(ax: Axes) -> dict[str, tuple[float, float]]:
    """The labels and limits of the other axes: of colour bars."""
    return {other.get_ylabel(): other.get_ylim() for other in ax.figure.axes if other is not ax}
