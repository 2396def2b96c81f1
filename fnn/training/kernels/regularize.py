"""Masks and norms in training: connections removed, the norm of the gradient, the norms of the weights into units.

Sums of squares are computed column by column, each a chain over the rows in their order, and then added up in the
order of the columns: the same bits whatever the width of the vectors and the number of threads.
"""

import math
from collections.abc import Callable
from typing import Any

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import cgutils, ir
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.target import machine, panel_width
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, rounded
from fnn.optimizers.kernels.apply import (
    clear,
    clipping_factor,
    column_factor,
    greatest_of,
    sum_of_squares,
)


@inline
def remove(values: Floats, mask: Floats, count: int) -> None:
    """Write 0 where the connection is removed."""
    zero = like(values, 0.0)
    for i in range(count):
        values[i] = values[i] if mask[i] != zero else zero


def _by_rows(context: Any, builder: Any, p: Any, x: Any, rows: Any, step: Callable[[Any, Any], None]) -> None:
    """Code of a loop over the rows of a panel; `step` gets the pointer to a row and its elements as a vector."""
    shape = machine(context, p.dtype)
    row = ir.VectorType(context.get_value_type(p.dtype), 2 * shape.lanes)
    with cgutils.for_range(builder, rows) as loop:
        start = builder.bitcast(
            builder.gep(x, [builder.mul(loop.index, ir.Constant(ir.IntType(64), row.count))]), row.as_pointer()
        )
        step(start, builder.load(start, align=shape.itemsize))


@intrinsic
def add_squares(typingctx: Any, panel: Any, rows: Any, squares: Any) -> Any:
    """squares_j ← squares_j + Σ_i x_ij², for the rows of a panel in their order.

    Written in LLVM's language, which keeps the sums in registers: Numba can't know that they don't overlap the panel.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = 2 * machine(context, panel.dtype).lanes
        doubles = ir.VectorType(ir.DoubleType(), lanes)
        kind = ir.FunctionType(doubles, [doubles] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{lanes}f64")
        sums = cgutils.alloca_once(builder, doubles)
        start = builder.bitcast(arguments[2], doubles.as_pointer())
        builder.store(builder.load(start, align=8), sums)

        def step(_: Any, elements: Any) -> None:
            x = builder.fpext(elements, doubles)
            builder.store(builder.call(fma, [x, x, builder.load(sums)]), sums)

        _by_rows(context, builder, panel, arguments[0], arguments[1], step)
        builder.store(builder.load(sums), start, align=8)

        return context.get_dummy_value()

    return types.void(panel, types.int64, squares), codegen


@intrinsic
def multiply_columns(typingctx: Any, panel: Any, rows: Any, factors: Any) -> Any:
    """x_ij ← factor_j x_ij, for the rows of a panel."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        shape = machine(context, panel.dtype)
        doubles = ir.VectorType(ir.DoubleType(), 2 * shape.lanes)
        row = ir.VectorType(context.get_value_type(panel.dtype), 2 * shape.lanes)
        factors = builder.load(builder.bitcast(arguments[2], doubles.as_pointer()), align=8)
        factors = builder.fptrunc(factors, row)

        def step(start: Any, elements: Any) -> None:
            builder.store(builder.fmul(elements, factors), start, align=shape.itemsize)

        _by_rows(context, builder, panel, arguments[0], arguments[1], step)

        return context.get_dummy_value()

    return types.void(panel, types.int64, factors), codegen


@inline
def squares_of_gradient(net: Net, dE_dw: Floats, squares: Floats, part: int, parts: int) -> None:
    """Σ_i g_ij² of every column of W and b, in the panels of the part: one in `parts`, in turn."""
    panel, index, offset = panel_width(dE_dw), 0, 0
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        for j in range(0, units, panel):
            if index % parts == part:
                sums = shift(squares, offset + j)
                clear(sums, panel)
                add_squares(shift(dE_dw, entry(net, layer, plan.W) + j * inputs), inputs, sums)
                add_squares(shift(dE_dw, entry(net, layer, plan.B) + j), 1, sums)
            index += 1
        offset += rounded(units, panel)


@inline
def norm(net: Net, squares: Floats) -> float:
    """√ Σ_j squares_j, added up in their order."""
    total, offset = 0.0, 0
    for layer in range(1, net.layers + 1):
        units = entry(net, layer, plan.UNITS)
        for j in range(units):
            total += squares[offset + j]
        offset += rounded(units, panel_width(net.weights))
    return math.sqrt(total)


@inline
def factor_beyond_range(net: Net, dE_dw: Floats, limit: float) -> float:
    """The clipping factor of all W and b if the sum of their squares leaves float64's range."""
    panel, greatest, total = panel_width(dE_dw), 0.0, 0.0
    for stage in range(2):
        for layer in range(1, net.layers + 1):
            inputs, b = entry(net, layer - 1, plan.UNITS), shift(dE_dw, entry(net, layer, plan.B))
            for j in range(entry(net, layer, plan.UNITS)):
                column = shift(dE_dw, entry(net, layer, plan.W) + j // panel * panel * inputs + j % panel)
                if stage == 0:
                    greatest = greatest_of(shift(b, j), 1, 1, greatest_of(column, panel, inputs, greatest))
                else:
                    total = sum_of_squares(column, panel, inputs, greatest, total)
                    total = sum_of_squares(shift(b, j), 1, 1, greatest, total)
    return clipping_factor(limit / greatest, math.sqrt(total))


@inline
def limit_units(net: Net, limit: float, squares: Floats, part: int, parts: int) -> None:
    """Scale the columns of W in the part's panels whose norm exceeds `limit` to that norm."""
    panel, index, offset = panel_width(net.weights), 0, 0
    for layer in range(1, net.layers + 1):
        units = entry(net, layer, plan.UNITS)
        for j in range(0, units, panel):
            if index % parts == part:
                limit_panel(net, layer, j, limit, shift(squares, offset + j))
            index += 1
        offset += rounded(units, panel)


@inline
def limit_panel(net: Net, layer: int, j: int, limit: float, squares: Floats) -> None:
    panel, inputs, units = panel_width(net.weights), entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
    w = shift(net.weights, entry(net, layer, plan.W) + j * inputs)
    clear(squares, panel)
    add_squares(w, inputs, squares)
    is_any_long = False
    for column in range(panel):
        factor = 1.0
        if column < units - j:  # further columns are padding
            factor = column_factor(shift(w, column), panel, inputs, limit, math.sqrt(squares[column]))
        squares[column] = factor
        is_any_long = is_any_long or factor < 1.0
    if is_any_long:
        multiply_columns(w, inputs, squares)
