"""`differentiate`: the error of a batch and its gradient, in as many pieces as the workspace has room for."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.kernels import plan
from fnn.kernels.cases import (
    FINE,
    Cases,
    Labels,
    Reals,
    Weights,
    cases_of,
    find_fault,
    load_inputs,
    load_targets,
    total_weight,
)
from fnn.kernels.equations import backward, forward, gradient, output_errors, transpose
from fnn.kernels.evaluate import BLOCK
from fnn.kernels.intrinsics import Floats, aligned, like, pointer, shift
from fnn.kernels.kernel import array, kernel, output
from fnn.kernels.options import inline
from fnn.kernels.plan import COLUMNS, Net, entry, lay_out
from fnn.kernels.tile import KEEP, ZERO, panel_width

ERROR_ONLY, GRADIENT, EVERYTHING = range(3)  # how much is asked for
PIECE = 256  # cases whose activations are held at once


@kernel(
    lambda t: types.Tuple((types.float64, types.int64, types.int64))(
        array(types.int64), array(t), array(t, 2), array(t, 2), array(types.int64), array(types.float64),
        types.int64, types.boolean, types.int64, output(t), output(types.int64), output(t),
    )
)  # fmt: skip
def differentiate_kernel(
    architecture: npt.NDArray[np.int64],
    flat: Reals,
    x: Reals,
    y: Reals,
    labels: Labels,
    weights: Weights,
    loss: int,
    mean: bool,
    wanted: int,
    into: Reals,
    table: npt.NDArray[np.int64],
    space: Reals,
) -> tuple[float, int, int]:
    """E of all cases, and ∂E/∂(W, b) into `into` unless ERROR_ONLY is wanted; then what fault there is, and its row.

    With EVERYTHING the caller brings the table and a workspace for all cases at once, and finds every quantity in it;
    otherwise both are empty.
    """
    layers, count = architecture[0], x.shape[0]
    room = count if wanted == EVERYTHING else min(count, PIECE)
    if wanted != EVERYTHING:
        table = np.empty((layers + 1) * COLUMNS, np.int64)
    needed = lay_out(architecture, room, panel_width(pointer(flat)), False, table)
    if wanted != EVERYTHING:
        space = np.zeros(needed + 16, flat.dtype)
    order, errors = np.arange(count), np.empty(room)
    return _differentiate(
        layers, table, flat, space, order, errors, x, y, labels, weights, loss, mean, wanted, room, into
    )


@inline
def _differentiate(
    layers: int, table: npt.NDArray[np.int64], flat: Reals, space: Reals, order: Labels, errors: Weights,
    x: Reals, y: Reals, labels: Labels, weights: Weights, loss: int, mean: bool, wanted: int, room: int, into: Reals,
) -> tuple[float, int, int]:  # fmt: skip
    net = Net(layers, pointer(table), pointer(flat), aligned(pointer(space)))
    cases = cases_of(x, y, labels, weights)
    code = entry(net, layers, plan.CODE)
    fault, row = find_fault(cases, entry(net, 0, plan.UNITS), entry(net, layers, plan.UNITS), code, loss)
    if fault != FINE:
        return 0.0, fault, row
    net.space[plan.ONE] = like(net.space, 1.0)
    if wanted != ERROR_ONLY:
        for layer in range(1 if wanted == EVERYTHING else 2, layers + 1):
            transpose(net, layer, 0, entry(net, layer - 1, plan.UNITS))
    whole = total_weight(cases, pointer(order), 0, cases.count) if mean else 1.0
    total = 0.0
    for first in range(0, cases.count, room):
        rows = min(room, cases.count - first)
        piece(net, cases, shift(pointer(order), first), 1.0 / whole, loss, wanted, rows, pointer(errors))
        total = sum_in_order(pointer(errors), rows, total)
        if wanted != ERROR_ONLY:
            gradient(net, rows, pointer(into), ZERO if first == 0 else KEEP, 0, 1)
    return total / whole, FINE, -1


@inline
def piece(
    net: Net, cases: Cases, order: Labels, scale: float, loss: int, wanted: int, rows: int, errors: Floats
) -> None:
    """Forward and backward for as many cases as the workspace holds."""
    for top in range(0, rows, BLOCK):
        count = min(BLOCK, rows - top)
        load_inputs(net, cases.x, order, top, top + count)
        load_targets(net, cases, order, scale, top, top + count)
        forward(net, top, count)
        if wanted == ERROR_ONLY:
            output_errors(net, loss, errors, top, count)
        else:
            backward(net, loss, errors, wanted == EVERYTHING, top, count)


@inline
def sum_in_order(values: Floats, count: int, total: float) -> float:
    """total + values[0] + values[1] + .., from left to right."""
    for i in range(count):
        total += values[i]
    return total
