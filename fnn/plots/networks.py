"""`network`, and what `backprop` found, on the same drawing: `activations` and `deltas`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fnn.boundary.calls import needs
from fnn.boundary.checks import flag, whole
from fnn.equations.gradients import Backprop
from fnn.network.architecture import Architecture
from fnn.network.params import DT, Params, require_params
from fnn.plots import diagram as drawing
from fnn.plots.canvas import axes_of, colour_bar, finite_leaves, limit_of, names_of, plot, signed

Reals: TypeAlias = NDArray[np.float64]

_LETTER: Final = 0.075  # the width of a letter of a name, in inches


@plot
def network(
    params: Params[DT], *, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None,
    numbers: bool = False, most: SupportsIndex = 12, limit: SupportsFloat | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The units of a network and their connections, with the layers from left to right.

    A line is coloured by its weight, red above 0 and blue below, and is the wider the larger the weight is; a unit is
    coloured by its bias. Connections of weight 0, such as those that a mask removes, aren't drawn.

    Parameters
    ----------
    params
        The network.
    inputs, outputs
        Names of all n_0 inputs and all n_L outputs.
    numbers
        Whether the weights are written on the connections and the biases in the units.
    most
        Units of a layer that are drawn, at least 2: of larger layers the first and the last ones, with dots between.
    limit
        The weight with the deepest colour and the widest line, above 0; by default the largest magnitude there is, of
        weights and biases. To compare networks, or for a film, give one.
    ax
        By default axes of a new figure.

    Returns
    -------
    The axes, on which a unit takes a circle of radius 0.34, and the distance to the next unit is 1.

    Raises
    ------
    ValueError, TypeError
        As many names as there are not inputs or outputs; a number out of range; parameters that aren't finite;
        arguments of another type.

    Examples
    --------
    >>> import fnn
    >>> ax = fnn.plots.network(fnn.init((2, 3, 1), seed=0), inputs=["width", "height"], numbers=True)
    >>> ax.get_title(loc="left")
    'network 2-3-1'
    """
    require_params("params", params)
    numbers = flag("numbers", numbers)
    leaves = finite_leaves(params)
    weights, biases = ([leaf for key, leaf in leaves.items() if key[0] == kind] for kind in "Wb")
    norm = signed(limit_of(limit, *weights, *biases))
    ax, diagram, letters = _begin(params.architecture, inputs, outputs, most, ax, wide=numbers)
    connections = drawing.draw_connections(ax, diagram, weights, norm)
    units = drawing.draw_units(ax, diagram, [None, *biases], norm)
    if numbers:
        drawing.write_on_connections(ax, diagram, weights, letters)
        drawing.write_in_units(ax, units, letters)
    colour_bar(ax, connections, "weight (lines), bias (units)")
    ax.set_title(f"network {'-'.join(map(str, params.sizes))}", loc="left")

    return ax


@plot
def activations(
    t: Backprop[DT], *, case: SupportsIndex = 0, inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None, numbers: bool = True, most: SupportsIndex = 12, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The activations a of a case (F2) on the drawing of the network: red above 0, blue below.

    Parameters
    ----------
    t
        What `backprop` returned, for one case or a batch.
    case
        The row of the batch, counted from 0.
    numbers
        Whether they are written in the units as well.
    inputs, outputs, most, ax
        As for `network`.

    Returns
    -------
    The axes.

    Raises
    ------
    ValueError, TypeError
        There is no such case; as for `network`.

    Examples
    --------
    >>> import fnn
    >>> t = fnn.backprop(fnn.init((2, 3, 1), seed=0), [[0.0, 1.0], [1.0, 1.0]], [[1.0], [0.0]])
    >>> fnn.plots.activations(t, case=1).get_title(loc="left")
    'activations of case 1'
    """
    _require_backprop(t)
    row = _row_of(t, case)
    a = [_of_case("a", t.a[layer], row) for layer in t.a]
    numbers = flag("numbers", numbers)
    ax, diagram, letters = _begin(t.grads.architecture, inputs, outputs, most, ax)
    drawing.draw_connections(ax, diagram, [np.ones(W.shape) for key, W in t.grads.items() if key[0] == "W"], None)
    units = drawing.draw_units(ax, diagram, a, signed(limit_of(None, *a)))
    if numbers:
        drawing.write_in_units(ax, units, letters)
    colour_bar(ax, units, "activation a")
    ax.set_title(f"activations of case {row}", loc="left")

    return ax


@plot
def deltas(
    t: Backprop[DT], *, case: SupportsIndex = 0, inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None, numbers: bool = True, most: SupportsIndex = 12, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """The deltas δ = ∂E/∂z of a case (B1) in the units, and its gradient ∂E/∂W = aᵀ δ (B2) on the connections.

    Parameters and errors are those of `activations`.

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import fnn
    >>> t = fnn.backprop(fnn.init((2, 3, 1), seed=0), [0.0, 1.0], [1.0])
    >>> fnn.plots.deltas(t).get_title(loc="left")
    'deltas of case 0'
    """
    _require_backprop(t)
    row = _row_of(t, case)
    delta = [_of_case("delta", t.delta[layer], row) for layer in t.delta]
    gradients = [np.outer(_of_case("a", t.a[i], row), d) for i, d in enumerate(delta)]
    numbers = flag("numbers", numbers)
    ax, diagram, letters = _begin(t.grads.architecture, inputs, outputs, most, ax)
    connections = drawing.draw_connections(ax, diagram, gradients, signed(limit_of(None, *gradients)))
    units = drawing.draw_units(ax, diagram, [None, *delta], signed(limit_of(None, *delta)))
    if numbers:
        drawing.write_in_units(ax, units, letters)
    colour_bar(ax, units, "delta, ∂E/∂z (units)")
    colour_bar(ax, connections, "gradient, ∂E/∂w (lines)")
    ax.set_title(f"deltas of case {row}", loc="left")

    return ax


def _begin(
    architecture: Architecture, inputs: Sequence[str] | None, outputs: Sequence[str] | None, most: SupportsIndex,
    ax: Axes | None, *, wide: bool = False,
) -> tuple[Axes, drawing.Diagram, float]:  # fmt: skip
    """The axes, with the names of the layers, inputs and outputs; where units are; the size of letters in a unit."""
    diagram = drawing.diagram_of(architecture, whole("most", most, at_least=2), wide=wide)
    left = names_of("inputs", inputs, architecture.sizes[0], "inputs")
    right = names_of("outputs", outputs, architecture.sizes[-1], "outputs")
    width, height = diagram.size
    ax = axes_of(ax, width + sum(_LETTER * max(map(len, names)) for names in (left, right) if names), height)
    letters = drawing.frame(ax, diagram)
    drawing.write_names(ax, diagram.places[0], left, diagram.units[0], -1)
    drawing.write_names(ax, diagram.places[-1], right, diagram.units[-1], 1)

    return ax, diagram, letters


def _require_backprop(t: object) -> None:
    """Raise TypeError unless it is what `backprop` returns."""
    if not isinstance(t, Backprop):
        raise needs("t", "what fnn.backprop returns", t)


def _row_of(t: Backprop[DT], case: SupportsIndex) -> int:
    """The number of a case, checked."""
    cases = len(np.atleast_2d(t.a[0]))

    return whole("case", case, at_least=0, at_most=cases - 1)


def _of_case(name: str, quantity: NDArray[DT], row: int) -> Reals:
    """The values of a layer's quantity for a case; ValueError unless they are finite."""
    values = np.asarray(np.atleast_2d(quantity)[row], np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"t: {name} of case {row} isn't finite")

    return values
