"""Networks and curves as SVG, in a few kilobytes: for notebooks, light or dark, without matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BLUE, ORANGE = "#2f8fd0", "#d9722b"  # told apart by the colour-blind, too, on white and on black
POSITIVE, NEGATIVE = ORANGE, BLUE  # as in fnn.plots, where what is above 0 is red
_MOST: Final = 8  # units of a layer, and layers, that are drawn
_BINS: Final = 4  # widths of connections
_ACROSS, _DOWN, _RADIUS = 110, 26, 9

Places = list[int | None]


def shown(count: int) -> Places:
    """The units, or layers, that are drawn; None stands for those left out."""
    if count <= _MOST:
        return list(range(count))

    return [*range(_MOST // 2), None, *range(count - _MOST // 2 + 1, count)]


def network_svg(weights: Sequence[NDArray[Any]], names: Sequence[str], values: Sequence[NDArray[Any]] = ()) -> str:
    """A network: weights W_l of each layer, names of all layers, and perhaps values of all units.

    Connections are coloured by sign and wide by size, in relation to the largest of their layer; so are units filled.
    """
    sizes = [weights[0].shape[0], *(W.shape[1] for W in weights)]
    layers = shown(len(sizes))
    height = _DOWN * max(len(shown(sizes[i])) for i in layers if i is not None)
    parts, before = [], None
    for column, layer in enumerate(layers):
        x = 30 + column * _ACROSS
        if layer is None:
            parts.append(_label(x, height / 2, "…"))
        else:
            places = _heights(sizes[layer], height)
            if before is not None:
                parts += _connections(weights[layer - 1], before, places, x)
            parts += _units(x, places, values[layer] if values else None)
            parts.append(_label(x, height + 16, names[layer]))
            parts.append(_label(x, height + 30, str(sizes[layer])))
        before = None if layer is None else places

    return _svg(2 * 30 + (len(layers) - 1) * _ACROSS, height + 36, parts)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-size="11" fill="none" stroke="currentColor">{"".join(parts)}</svg>'
    )


def _label(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="currentColor" stroke="none">{text}</text>'


def _heights(units: int, height: float) -> list[tuple[int | None, float]]:
    """Each unit that is drawn, and its y; None stands for those left out."""
    places = shown(units)
    top = (height - _DOWN * len(places)) / 2

    return [(unit, top + _DOWN * (row + 0.5)) for row, unit in enumerate(places)]


def _connections(
    W: NDArray[Any], left: list[tuple[int | None, float]], right: list[tuple[int | None, float]], x: float
) -> list[str]:
    """A path for each sign and width; removed connections, of weight 0, aren't drawn."""
    largest = np.abs(W[np.isfinite(W)]).max(initial=0)
    paths: dict[tuple[bool, int], str] = {}
    for s, y_left in left:
        for d, y_right in right:
            if s is None or d is None or not W[s, d] or not np.isfinite(W[s, d]):
                continue
            key = bool(W[s, d] > 0), int(np.ceil(abs(W[s, d]) / largest * _BINS))
            line = f"M{x - _ACROSS + _RADIUS:g} {y_left:g}L{x - _RADIUS:g} {y_right:g}"
            paths[key] = paths.get(key, "") + line

    return [
        f'<path d="{d}" stroke="{POSITIVE if is_positive else NEGATIVE}" stroke-width="{width * 0.6:g}" opacity=".8"/>'
        for (is_positive, width), d in sorted(paths.items())
    ]


def _units(x: float, places: list[tuple[int | None, float]], values: NDArray[Any] | None) -> list[str]:
    """A circle for each unit that is drawn, filled by its value."""
    parts = []
    largest = 0 if values is None else np.abs(values[np.isfinite(values)]).max(initial=0)
    for unit, y in places:
        if unit is None:
            parts.append(_label(x, y + 4, "⋮"))
            continue
        fill, title = "", ""
        if values is not None:
            share = abs(values[unit]) / largest if largest and np.isfinite(values[unit]) else 0
            fill = f' fill="{POSITIVE if values[unit] > 0 else NEGATIVE}" fill-opacity="{share:.2f}"'
            title = f"<title>{values[unit]:.6g}</title>"
        parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{_RADIUS}"{fill}>{title}</circle>')

    return parts


def curves_svg(curves: Sequence[tuple[str, str, NDArray[np.float64]]]) -> str:
    """Curves over the epochs, each a name, a colour and numbers; by their logarithms if all are above 0."""
    width, height = 320, 120
    numbers = np.concatenate([curve[np.isfinite(curve)] for *_, curve in curves])
    if not numbers.size:
        return ""
    is_log = bool(numbers.min() > 0)
    low, high = float(numbers.min()), float(numbers.max())
    parts = [
        _label(22, height - 6, f"{low:.2g}"),
        _label(22, 12, f"{high:.2g}"),
        f'<path d="M46 4V{height - 4}H{width}"/>',
    ]
    for row, (name, colour, curve) in enumerate(curves):
        epochs = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), 100)).astype(int))
        finite = epochs[np.isfinite(curve[epochs])]
        scaled = np.log([low, high, *curve[finite]]) if is_log else np.array([low, high, *curve[finite]])
        y = height - 8 - (scaled[2:] - scaled[0]) / (scaled[1] - scaled[0] or 1) * (height - 16)
        x = 46 + finite / max(len(curve) - 1, 1) * (width - 50)
        points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline points="{points}" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(
            f'<text x="{width - 4}" y="{16 + 13 * row}" text-anchor="end" fill="{colour}" stroke="none">{name}</text>'
        )

    return _svg(width, height, parts)
