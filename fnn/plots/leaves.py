"""`weights`: what each unit takes from the layer before, as a row of squares, as bars, or as an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fnn.boundary.calls import needs
from fnn.boundary.checks import flag, whole
from fnn.network.params import DT, Params, require_params
from fnn.plots.canvas import SIGNED, axes_of, colour_bar, finite_leaves, limit_of, names_of, plain, plot, signed

Reals: TypeAlias = NDArray[np.float64]

_HALF: Final = 0.45  # the height of the largest bar, as a part of the distance to the next unit


@plot
def weights(
    params: Params[DT], layer: SupportsIndex = 1, *, shape: tuple[int, int] | None = None, bars: bool = False,
    units: Sequence[int] | None = None, columns: SupportsIndex | None = None, names: Sequence[str] | None = None,
    limit: SupportsFloat | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The weights W_l of each unit of a layer, red above 0 and blue below: a row of squares, of bars, or an image.

    Parameters
    ----------
    params, layer
        The network, and which of its layers 1 .. L.
    shape
        Rows and columns, whose product is n_{l−1}: each unit's weights as an image of this shape, the images side by
        side, with a pixel of nothing between them. By default there is a row for each unit, with a column for each
        input of the layer.
    bars
        In such a row the weights are bars, upwards above 0, instead of squares; not with a shape.
    units
        Which units, counted from 0, in this order; by default all n_l.
    columns
        How many images there are in a row; by default a number that makes the whole about as wide as high.
    names
        Of the n_{l−1} inputs of the layer; not with a shape.
    limit
        The weight with the deepest colour and the longest bar, above 0; by default the largest magnitude of those that
        are drawn, in images that which 99.5 % of them don't exceed.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes. Row i is at the height i, from above, column j at j; in images these are rows and columns of pixels.

    Raises
    ------
    ValueError, TypeError
        There is no such layer or unit; another shape; parameters that aren't finite; arguments of another type, or that
        don't go together.

    Examples
    --------
    >>> import fnn
    >>> params = fnn.init((2, 3, 1), seed=0)
    >>> fnn.plots.weights(params, 1, units=[2], bars=True).get_title(loc="left")
    'weights of layer 1, unit 2'
    """
    require_params("params", params)
    layer = whole("layer", layer, at_least=1, at_most=len(params.activations))
    W = finite_leaves(params)[f"W{layer}"]
    chosen = _units_of(units, W.shape[1])
    rows = W.T[chosen]
    top = limit_of(limit, rows if shape is None else np.quantile(np.abs(rows), 0.995))
    names = names_of("names", names, len(W), "inputs of the layer")
    if flag("bars", bars) and shape is not None:
        raise ValueError("bars: can't be True with a shape")
    if shape is not None:
        if names:
            raise ValueError("names: can't be given with a shape")
        tiles = _mosaic(rows, _shape_of(shape, len(W)), columns)
        ax = axes_of(ax, *_size_of(tiles))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    else:
        if columns is not None:
            raise ValueError("columns: can't be given without a shape")
        tiles = rows
        ax = axes_of(ax, min(max(4.8, 0.4 * len(W) + 2), 14), min(max(2.4, 0.4 * len(rows) + 1.4), 10))
    if bars:
        _draw_bars(ax, rows, top)
    else:
        ax.imshow(tiles, cmap=SIGNED, norm=signed(top), interpolation="nearest", aspect="equal" if shape else "auto")
    if shape is None:
        _label(ax, chosen, names, len(W), layer)
    colour_bar(ax, ScalarMappable(signed(top), SIGNED), "weight", beyond=bool((np.abs(rows) > top).any()))
    of_unit = f", unit {chosen[0]}" if len(chosen) == 1 else ""
    ax.set_title(f"weights of layer {layer}{of_unit}", loc="left")

    return ax


def _units_of(units: Any, count: int) -> list[int]:
    """The numbers of the units, checked."""
    if units is None:
        return list(range(count))
    if isinstance(units, str) or not np.iterable(units):
        raise needs("units", "a sequence of whole numbers", units)
    chosen = [whole("units", unit, at_least=0, at_most=count - 1) for unit in units]
    if not chosen:
        raise ValueError("units: needs one at least, got none")

    return chosen


def _shape_of(shape: Any, inputs: int) -> tuple[int, int]:
    """Rows and columns of an image, checked."""
    if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) != 2:
        raise needs("shape", "rows and columns, such as (28, 28)", shape)
    height, width = (whole("shape", side, at_least=1) for side in shape)
    if height * width != inputs:
        raise ValueError(f"shape: {height} by {width} are {height * width}, but each unit has {inputs} weights")

    return height, width


def _mosaic(rows: Reals, shape: tuple[int, int], columns: SupportsIndex | None) -> Reals:
    """The images side by side, with a pixel of nothing between them."""
    count, (height, width) = len(rows), shape
    if columns is None:
        widest = min(max(round(math.sqrt(1.4 * count * (height + 1) / (width + 1))), 1), count)
        across = math.ceil(count / math.ceil(count / widest))  # the same rows, filled evenly
    else:
        across = whole("columns", columns, at_least=1)
    down = math.ceil(count / across)
    tiles = np.full((down * across, height + 1, width + 1), np.nan)
    tiles[:count, :height, :width] = rows.reshape(count, height, width)
    whole_image = tiles.reshape(down, across, height + 1, width + 1).swapaxes(1, 2)

    return whole_image.reshape(down * (height + 1), across * (width + 1))[:-1, :-1]


def _size_of(tiles: Reals) -> tuple[float, float]:
    """Inches that suit a mosaic, with a colour bar."""
    height, width = tiles.shape
    scale = min(8 / width, 7 / height)

    return max(width * scale + 1.2, 3.2), max(height * scale + 0.5, 2.4)


def _draw_bars(ax: Axes, rows: Reals, limit: float) -> None:
    """For each unit a line and bars on it, upwards above 0."""
    norm, (units, inputs) = signed(limit), rows.shape
    heights = -_HALF * np.clip(rows / limit, -1, 1)  # the axis points downwards
    for unit, (row, height) in enumerate(zip(rows, heights, strict=True)):
        ax.axhline(unit, color="0.7", linewidth=0.6, zorder=1)
        ax.bar(
            np.arange(inputs), height, 0.8, bottom=unit, color=SIGNED(norm(row)), edgecolor="0.3", linewidth=0.4,
            zorder=2,
        )  # fmt: skip
    ax.set(xlim=(-0.6, inputs - 0.4), ylim=(units - 0.4, -0.6))
    plain(ax)


def _label(ax: Axes, units: Sequence[int], names: Sequence[str] | None, inputs: int, layer: int) -> None:
    """Names of the inputs, numbers of the units."""
    if names:
        ax.set_xticks(range(inputs), names, rotation=90 if max(map(len, names)) > 4 else 0)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    step = math.ceil(len(units) / 25)
    ax.set_yticks(range(0, len(units), step), [str(unit) for unit in units[::step]])
    ax.set(xlabel="input" if layer == 1 else f"unit of layer {layer - 1}", ylabel=f"unit of layer {layer}")
