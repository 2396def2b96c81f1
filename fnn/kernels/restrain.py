"""What restrains the weights in training: penalties, clipping, decay after each change, norms, connections removed.

Sums of squares are worked out column by column, each a chain over the rows in their order, and then added up in the
order of the columns: the same bits whatever the width of the vectors and the number of threads.
"""

import math

import numpy as np

from fnn.kernels import plan
from fnn.kernels.intrinsics import Floats, fma, like, shift
from fnn.kernels.options import inline
from fnn.kernels.plan import Net, entry
from fnn.kernels.rules import sign
from fnn.kernels.tile import panel_width


@inline
def restrain_gradient(w: Floats, g: Floats, mask: Floats, l2: float, l1: float, most: float, count: int) -> None:
    """g ← g + λ₂ w + λ₁ sign w, then not beyond ± most; 0 where the connection is removed."""
    zero = like(g, 0.0)
    for i in range(count):
        x = fma(l2, w[i], g[i]) + l1 * sign(w[i])
        x = most if x > most else -most if x < -most else x
        g[i] = x if mask[i] != zero else zero


@inline
def restrain_weights(w: Floats, mask: Floats, shrink: float, count: int) -> None:
    """w ← shrink · w; 0 where the connection is removed."""
    zero = like(w, 0.0)
    for i in range(count):
        w[i] = shrink * w[i] if mask[i] != zero else zero


@inline
def multiply(values: Floats, factor: float, count: int) -> None:
    for i in range(count):
        values[i] *= factor


@inline
def squares_of_columns(net: Net, matrix: Floats, layer: int, j: int, rows: int, squares: Floats) -> None:
    """Σ_i m_ij² of the columns of the panel that starts at j, where the matrix lies as W, and behind it b."""
    panel, inputs = panel_width(matrix), entry(net, layer - 1, plan.UNITS)
    columns = min(panel, entry(net, layer, plan.UNITS) - j)
    for column in range(columns):
        squares[column] = 0.0
    for row in range(rows):
        lies = shift(matrix, entry(net, layer, plan.W) + j * inputs + row * panel)
        if row == inputs:
            lies = shift(matrix, entry(net, layer, plan.B) + j)
        for column in range(columns):
            x = np.float64(lies[column])
            squares[column] = fma(x, x, squares[column])


@inline
def squares_of_gradient(net: Net, dE_dw: Floats, squares: Floats, part: int, parts: int) -> None:
    """The part's panels of W and b, one in turn for each part."""
    panel, turn, place = panel_width(dE_dw), 0, 0
    for layer in range(1, net.layers + 1):
        for j in range(0, entry(net, layer, plan.UNITS), panel):
            if turn % parts == part:
                rows = entry(net, layer - 1, plan.UNITS) + 1
                squares_of_columns(net, dE_dw, layer, j, rows, shift(squares, place + j))
            turn += 1
        place += entry(net, layer, plan.UNITS)


@inline
def norm(net: Net, squares: Floats) -> float:
    """√ of all sums of squares, added in their order."""
    total, place = 0.0, 0
    for layer in range(1, net.layers + 1):
        for j in range(entry(net, layer, plan.UNITS)):
            total += squares[place + j]
        place += entry(net, layer, plan.UNITS)
    return math.sqrt(total)


@inline
def limit_units(net: Net, most: float, squares: Floats, part: int, parts: int) -> None:
    """Make the columns of W, in the part's panels, whose norm is above `most` that long."""
    panel, turn, place = panel_width(net.weights), 0, 0
    for layer in range(1, net.layers + 1):
        for j in range(0, entry(net, layer, plan.UNITS), panel):
            if turn % parts == part:
                limit_panel(net, layer, j, most, shift(squares, place + j))
            turn += 1
        place += entry(net, layer, plan.UNITS)


@inline
def limit_panel(net: Net, layer: int, j: int, most: float, squares: Floats) -> None:
    panel, inputs = panel_width(net.weights), entry(net, layer - 1, plan.UNITS)
    w = shift(net.weights, entry(net, layer, plan.W) + j * inputs)
    squares_of_columns(net, net.weights, layer, j, inputs, squares)
    for column in range(min(panel, entry(net, layer, plan.UNITS) - j)):
        length = math.sqrt(squares[column])
        if length > most:
            factor = like(w, most / length)
            for row in range(inputs):
                w[row * panel + column] *= factor
