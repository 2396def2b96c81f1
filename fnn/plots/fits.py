"""What a network makes of numbers: `curve` and `residuals`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsFloat, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.calls import needs
from fnn.boundary.checks import finite, real, real_array
from fnn.data.cases import Cases, arrays_of, cases_of
from fnn.equations.forward import forward
from fnn.losses.library import squared_error
from fnn.network.params import DT, Params, require_params
from fnn.plots.canvas import PALETTE, axes_of, colour_of, columns_of, finite_outputs, legend, names_of, plain, plot
from fnn.training.posterior import Posterior

Reals: TypeAlias = NDArray[np.float64]

_POINTS = 500  # of a curve


@plot
def curve(
    fit: Params[DT] | Posterior[DT] | Sequence[Params[DT]], x: ArrayLike | Cases, y: ArrayLike | None = None, *,
    level: SupportsFloat = 0.9, span: tuple[SupportsFloat, SupportsFloat] | None = None,
    names: Sequence[str] | None = None, inputs: Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The outputs of a network with one input as curves, with an interval where there is one, and the cases.

    Around the curve of a `Posterior` are two intervals: the dark one holds the mean of targets, the pale one a new
    target, each with a probability of `level`. Several networks, an ensemble, have their mean as the curve, and an area
    of two standard deviations to either side of it.

    Parameters
    ----------
    fit
        The network; or what `posterior` returned; or several networks.
    x, y
        Inputs, (N, 1) or (N,), and targets, (N, n_L) or (N,); or `Cases`.
    level
        In [0, 1).
    span
        From where to where the curve is drawn, upwards; by default from the least x to the largest.
    names
        Of the n_L outputs; by default those of a data frame's columns, or "output", or several with their numbers.
    inputs
        The name of the input, perhaps with its unit; by default that of a data frame's column, or x.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError, TypeError
        As `error` does; another number of inputs; a level or a span out of range.

    Examples
    --------
    >>> import fnn
    >>> line = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
    >>> ax = fnn.plots.curve(line, [0.0, 1.0, 2.0], [1.0, 3.5, 4.5])
    >>> ax.get_xlabel(), ax.lines[-1].get_ydata()[[0, -1]]
    ('x', array([1., 5.]))
    """
    networks = _networks_of(fit)
    level = real("level", level, at_least=0, below=1)
    (name,) = names_of("inputs", inputs, 1, "input") or columns_of(x, 1) or ["x"]
    if not isinstance(x, Cases):
        x = real_array("x", x)
        x = x[:, None] if x.ndim == 1 else x
    cases = cases_of(x, y)
    targets = _targets_of(networks, cases)
    names = _names_of_outputs(names, y, targets.shape[1])
    places = np.atleast_2d(cases.x)[:, 0].astype(np.float64)
    low, high = (places.min(), places.max()) if span is None else _span_of(span)
    if low == high:  # all cases have the same input
        low, high = low - max(abs(low), 1) / 2, high + max(abs(low), 1) / 2
    at = np.linspace(low, high, _POINTS)
    middle, areas = _curves(fit, networks, cases.scale * at[:, None], level)
    ax = axes_of(ax)
    for i, label in enumerate(names):
        colour = colour_of(i)
        for lower, upper, opacity, what in areas:
            label_once = "" if i else what
            ax.fill_between(
                at, lower[:, i], upper[:, i], color=colour, alpha=opacity, linewidth=0, label=label_once, zorder=1
            )
        of_cases = colour if len(names) > 1 else "0.3"
        ax.plot(
            places, targets[:, i], "o", color=of_cases, markersize=3, markeredgewidth=0, alpha=0.7,
            label="" if i else "cases",
        )  # fmt: skip
        ax.plot(at, middle[:, i], color=colour, linewidth=1.8, label=label, zorder=3)
    ax.set(xlabel=name, ylabel="output" if len(names) > 1 else names[0])
    ax.set_title("fit, and cases", loc="left")
    legend(ax, len(places))
    plain(ax)

    return ax


@plot
def residuals(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *,
    interval: tuple[ArrayLike, ArrayLike] | None = None, names: Sequence[str] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """How far the target of each case lies above the output, by the output: what the network leaves unexplained.

    Parameters
    ----------
    params, x, y
        The network, and inputs and targets as for `error`, or `Cases`.
    interval
        The lower and the upper ends of intervals for the targets, each of their shape, such as
        ``fnn.posterior(run, x, y).interval(x)``: drawn as lines, which end as far from 0 as from the outputs.
    names
        Of the n_L outputs; by default those of a data frame's columns, or "output", or several with their numbers.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes. The title has the root of the mean square of all residuals.

    Raises
    ------
    ValueError, TypeError
        As `error` does; an interval of another shape.

    Examples
    --------
    >>> import fnn
    >>> line = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
    >>> ax = fnn.plots.residuals(line, [[0.0], [1.0], [2.0]], [1.0, 3.5, 4.5])
    >>> ax.get_title(loc="left"), ax.lines[-1].get_ydata()
    ('residuals, root mean square 0.408', array([ 0. ,  0.5, -0.5]))
    """
    require_params("params", params)
    cases = cases_of(x, y)
    targets = _targets_of([params], cases)
    a = finite_outputs("params", np.atleast_2d(forward(params, cases.x, scale=cases.scale)))
    names = _names_of_outputs(names, y, targets.shape[1])
    ends = None if interval is None else _ends_of(interval, a.shape)
    ax = axes_of(ax)
    ax.axhline(0, color="0.5", linewidth=1, zorder=2)
    for i, label in enumerate(names):
        if ends is not None:
            low, high = (end[:, i] - a[:, i] for end in ends)
            what = "" if i else "interval"
            ax.vlines(a[:, i], low, high, color=colour_of(i), alpha=0.3, linewidth=2, label=what, zorder=1)
        ax.plot(
            a[:, i], targets[:, i] - a[:, i], "o", color=PALETTE[1] if ends and len(names) == 1 else colour_of(i),
            markersize=3.5, markeredgewidth=0, alpha=0.8, label=label if len(names) > 1 else "cases", zorder=3,
        )  # fmt: skip
    ax.set(xlabel="output" if len(names) > 1 else names[0], ylabel="target − output")
    ax.set_title(f"residuals, root mean square {np.sqrt(np.mean((targets - a) ** 2)):.3g}", loc="left")
    if ends is not None or len(names) > 1:
        legend(ax, len(a))
    plain(ax)

    return ax


def _networks_of(fit: Any) -> list[Params[Any]]:
    """The networks of a fit, checked: alike, with one input."""
    networks = [fit.params] if isinstance(fit, Posterior) else [fit] if isinstance(fit, Params) else fit
    if not isinstance(networks, Sequence) or not all(isinstance(params, Params) for params in networks):
        one = next((each for each in fit if not isinstance(each, Params)), fit) if isinstance(fit, Sequence) else fit
        hint = "; its .params are" if isinstance(getattr(one, "params", None), Params) else ""
        kind = type(fit).__name__ if one is fit else f"{type(one).__name__} among them"
        raise TypeError(f"fit: needs fnn.Params, several of them, or what fnn.posterior returns, got {kind}{hint}")
    if not networks:
        raise ValueError("fit: needs at least one network, got none")
    for params in networks:
        if params.sizes[0] != 1:
            raise ValueError(f"fit: needs one input for a curve, has {params.sizes[0]}")
        if params.sizes[-1] != networks[0].sizes[-1]:
            raise ValueError(f"fit: needs as many outputs each, got {networks[0].sizes[-1]} and {params.sizes[-1]}")

    return list(networks)


def _targets_of(networks: Sequence[Params[Any]], cases: Cases) -> Reals:
    """The targets (N, n_L); errors unless the cases suit the networks."""
    return np.asarray(arrays_of(networks[0], cases, None, squared_error).y, np.float64)


def _names_of_outputs(names: Sequence[str] | None, y: object, outputs: int) -> list[str]:
    """Those that are given, those of the columns of y, or numbers."""
    numbered = ["output"] if outputs == 1 else [f"output {i}" for i in range(outputs)]

    return names_of("names", names, outputs, "outputs") or columns_of(y, outputs) or numbered


def _span_of(span: Any) -> tuple[float, float]:
    """From where to where, checked."""
    if not isinstance(span, Sequence) or isinstance(span, str) or len(span) != 2:
        raise needs("span", "two numbers, such as (0, 1)", span)
    low, high = (finite("span", end) for end in span)
    if low >= high:
        raise ValueError(f"span: must go upwards, got {low:g} to {high:g}")

    return low, high


def _ends_of(interval: Any, shape: tuple[int, ...]) -> list[Reals]:
    """The ends of intervals, each of the outputs' shape, checked."""
    if not isinstance(interval, Sequence) or len(interval) != 2:
        raise TypeError("interval: needs its lower and its upper ends, such as fnn.posterior(..).interval(x) returns")
    ends = [real_array("interval", end).astype(np.float64) for end in interval]
    for end in ends:
        if end.shape != shape and end.shape != (shape[:1] if shape[1] == 1 else shape):
            raise ValueError(f"interval: needs ends of shape {shape}, got {end.shape}")

    return [end.reshape(shape) for end in ends]


def _curves(
    fit: Any, networks: Sequence[Params[Any]], inputs: Reals, level: float
) -> tuple[Reals, list[tuple[Reals, Reals, float, str]]]:
    """The curve (points, n_L), and areas about it: lower and upper ends, opacity, and what it is."""
    outputs = np.array([finite_outputs("fit", forward(params, inputs)) for params in networks])
    middle = outputs.mean(axis=0)
    areas = []
    if isinstance(fit, Posterior):
        for noise, opacity, what in (True, 0.18, "new targets"), (False, 0.35, "the mean"):
            low, high = fit.interval(inputs, level, noise=noise)
            areas.append((low.astype(np.float64), high.astype(np.float64), opacity, f"{what}, {100 * level:g} %"))
    elif len(networks) > 1:
        spread = 2 * outputs.std(axis=0)
        areas.append((middle - spread, middle + spread, 0.3, f"two standard deviations of {len(networks)} networks"))

    return middle, areas
