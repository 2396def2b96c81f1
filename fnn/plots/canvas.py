"""What all plots share: axes to draw into, a palette, and colours by value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal, SupportsFloat, TypeVar

import numpy as np
from matplotlib import colormaps, pyplot
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.calls import counting
from fnn.boundary.checks import positive
from fnn.network.params import DT, Params

F = TypeVar("F", bound=Callable[..., Any])

# Okabe and Ito's (2008), which people with any kind of colour vision tell apart; yellow, faint on white, comes last.
PALETTE: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
# With their sizes: seven for eight colours, so that 56 classes differ.
MARKERS: Final = (("o", 5.0), ("s", 4.8), ("D", 4.5), ("^", 6.5), ("v", 6.5), ("P", 6.0), ("*", 8.0))
# Red above 0, blue below; at 0 white, or for lines, which would vanish, grey.
SIGNED: Final[Colormap] = colormaps["RdBu_r"].with_extremes(bad="white")
SIGNED_LINES: Final[Colormap] = colormaps["coolwarm"].with_extremes(bad="white")


def plot(function: F) -> F:
    """A function of `fnn.plots`, which refuses arguments that it has no parameter for by naming those it has."""
    return counting(function, f"plots.{function.__name__}")


def axes_of(ax: object, width: float = 6.4, height: float = 4.8) -> Axes:
    """The axes to draw into, by default those of a new figure of pyplot, in inches; TypeError if they are none."""
    if ax is None:
        return pyplot.subplots(figsize=(width, height), layout="compressed")[1]
    if not isinstance(ax, Axes):
        hint = "; one of them is meant" if isinstance(ax, np.ndarray) else ""
        raise TypeError(f"ax: needs matplotlib's Axes, got {type(ax).__name__}{hint}")
    if ax.name != "rectilinear":
        raise TypeError(f"ax: needs axes with a projection in straight lines, got {type(ax).__name__}")

    return ax


def colour_of(index: int) -> str:
    """The colour of a class or an output, counted from 0."""
    return PALETTE[index % len(PALETTE)]


def colours_of(count: int) -> list[Any]:
    """Colours of runs: those of the palette, or of more than it has, shades that follow one another."""
    return list(PALETTE[:count]) if count <= len(PALETTE) else list(colormaps["viridis"](np.linspace(0, 0.9, count)))


def plain(ax: Axes) -> None:
    """Leave out the frame's upper and right line."""
    ax.spines[["top", "right"]].set_visible(False)


def legend(ax: Axes, points: int, corner: Literal["upper left", "upper right"] = "upper left", **options: Any) -> None:
    """A legend that what is behind it shows through, where it hides least, or in a corner if points are many."""
    ax.legend(framealpha=0.8, edgecolor="none", loc="best" if points <= 10_000 else corner, **options)


def limit_of(limit: SupportsFloat | None, *values: ArrayLike) -> float:
    """The value with the deepest colour: the limit, or the largest magnitude of the values, 1 if all are 0."""
    if limit is not None:
        return positive("limit", limit)
    largest = max((float(np.abs(array).max(initial=0)) for array in values), default=0.0)

    return largest or 1.0


def signed(limit: float) -> Normalize:
    """From −limit, blue, to limit, red."""
    return Normalize(-limit, limit, clip=True)


def colour_bar(ax: Axes, coloured: ScalarMappable, label: str, *, beyond: bool = False) -> None:
    """A bar that tells the value of a colour, to the right of the axes; with tips if there are values beyond it."""
    extend = "both" if beyond else "neither"
    bar = ax.figure.colorbar(coloured, ax=ax, shrink=0.8, aspect=30, pad=0.02, label=label, extend=extend)
    bar.outline.set_visible(False)


def names_of(name: str, names: Sequence[str] | None, count: int, what: str) -> list[str] | None:
    """Names for `count` things; an error unless there are as many strings."""
    if names is None:
        return None
    found: list[Any] = [None] if isinstance(names, str) or not np.iterable(names) else list(names)
    if not all(isinstance(n, str) for n in found):
        raise TypeError(f"{name}: needs a sequence of strings, got {names!r:.60}")
    if len(found) != count:
        raise ValueError(f"{name}: needs one for each of the {count} {what}, got {len(found)}")

    return found


def columns_of(data: object, count: int) -> list[str] | None:
    """The names of the columns of a data frame, or of a series; None unless there are as many."""
    name = getattr(data, "name", None)
    names = getattr(data, "columns", [name] if isinstance(name, str) else [])

    return [str(column) for column in names] if len(names) == count else None


def ink(colour: Iterable[float]) -> str:
    """Black or white, whichever can be read on a colour: red, green, blue, opacity from 0 to 1."""
    red, green, blue, _ = colour

    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"


def finite_leaves(params: Params[DT]) -> dict[str, NDArray[np.float64]]:
    """The parameters in float64; ValueError if one is NaN or infinite."""
    leaves = {key: leaf.astype(np.float64) for key, leaf in params.items()}
    for key, leaf in leaves.items():
        if not np.isfinite(leaf).all():
            raise ValueError(f"params: {key} has NaN or infinity")

    return leaves


def finite_outputs(name: str, a: NDArray[DT]) -> NDArray[np.float64]:
    """Outputs in float64; ValueError that names the network if one is NaN or infinite."""
    if not np.isfinite(a).all():
        raise ValueError(f"{name}: has outputs that are NaN or infinite")

    return a.astype(np.float64)
