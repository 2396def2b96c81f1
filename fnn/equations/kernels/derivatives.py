"""Derivatives of many cases, block by block: for the inputs, along directions, whole Jacobians."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import (
    CasePointers,
    Labels,
    Reals,
    Weights,
    cases_of,
    copy,
    first_not_finite,
    load,
)
from fnn.data.kernels.faults import FINE
from fnn.equations.kernels.backprop import EVERYTHING, GRADIENT, backward, forward, gradient, no_prefetch, transpose
from fnn.equations.kernels.directional import (
    INPUTS,
    PARAMETERS,
    backward_from_outputs,
    r_backward,
    r_forward,
    r_gradient,
)
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gradient import CHUNK, fault_for, unit_case_weight
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry, net_of, net_type
from fnn.numerics.microkernel import STORE

Table = npt.NDArray[np.int64]


@inline
def fill_rows(net: Net, layer: int, column: int, first: int, rows: int, source: Floats) -> None:
    """Copy contiguous rows into the workspace."""
    units = entry(net, layer, plan.UNITS)
    for row in range(rows):
        copy(shift(source, row * units), block(net, layer, column, first + row), units)


@inline
def take_rows(net: Net, layer: int, column: int, first: int, rows: int, into: Floats) -> None:
    """Copy rows of the workspace into contiguous rows."""
    units = entry(net, layer, plan.UNITS)
    for row in range(rows):
        copy(block(net, layer, column, first + row), shift(into, row * units), units)


@kernel(
    lambda t: types.UniTuple(types.int64, 2)(
        array(types.int64), array(t), output(t), array(t, 2), array(t, 2), array(types.int64), array(types.float64),
        types.boolean, types.int64, types.boolean, output(t, 2),
    )
)  # fmt: skip
def input_gradient_kernel(
    table: Table, flat: Reals, space: Reals, x: Reals, y: Reals, labels: Labels, weights: Weights, is_checked: bool,
    loss: int, mean: bool, into: Reals,
) -> tuple[int, int]:  # fmt: skip
    """∂E/∂A⁰ of all cases; returns the first fault and its row. The workspace holds BLOCK cases."""
    net, cases = net_of(table, flat, space), cases_of(x, y, labels, weights, labels[:0], 0, 0)
    return input_gradient(net, cases, is_checked, loss, mean, pointer(into))


@inline
def input_gradient(
    net: Net, cases: CasePointers, is_checked: bool, loss: int, mean: bool, into: Floats
) -> tuple[int, int]:
    """`input_gradient_kernel` for a network and cases."""
    inputs = entry(net, 0, plan.UNITS)
    fault, row = (FINE, -1) if is_checked else fault_for(net, cases, loss)
    if fault == FINE:
        scale = unit_case_weight(cases, mean)
        transpose(net, 1, 0, 1)
        for first in range(0, cases.number, BLOCK):
            rows = min(BLOCK, cases.number - first)
            load(net, cases, first, scale, loss, 0, rows)
            forward(net, 0, rows)
            backward(net, loss, EVERYTHING, 0, rows)
            take_rows(net, 0, plan.DE_DA, 0, rows, shift(into, first * inputs))
    return fault, row


@kernel(
    lambda t: types.int64(array(types.int64), array(t), output(t), array(t, 2), array(t, 2), output(t), output(t, 2))
)
def vjp_kernel(table: Table, flat: Reals, space: Reals, x: Reals, u: Reals, into: Reals, inputs: Reals) -> int:
    """B1 to B4 from ∂E/∂Aᴸ = U; returns the first case with NaN or infinity in x, or −1. CHUNK cases at a time."""
    net = net_of(table, flat, space)
    return vector_times_jacobian(net, pointer(x), x.shape[0], pointer(u), pointer(into), pointer(inputs))


@inline
def vector_times_jacobian(net: Net, x: Floats, number: int, u: Floats, into: Floats, inputs: Floats) -> int:
    """`vjp_kernel` for a network."""
    n, outputs = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS)
    bad = first_not_finite(x, number, n)
    if bad < 0:
        net.space[plan.ONE] = like(net.space, 1.0)
        transpose(net, 1, 0, 1)
        for chunk in range(0, number, CHUNK):
            end = min(CHUNK, number - chunk)
            for first in range(0, end, BLOCK):
                rows, case = min(BLOCK, end - first), chunk + first
                fill_rows(net, 0, plan.A, first, rows, shift(x, case * n))
                forward(net, first, rows)
                fill_rows(net, net.layers, plan.DE_DA, first, rows, shift(u, case * outputs))
                backward_from_outputs(net, first, rows)
                take_rows(net, 0, plan.DE_DA, first, rows, shift(inputs, case * n))
            is_last = chunk + end == number
            gradient(net, chunk, end, is_last, into, STORE, like(net.space, 0.0), 0, 1, no_prefetch(net))
    return bad


@kernel(
    lambda t: types.int64(
        array(types.int64), array(t), output(t), array(types.int64), array(t), output(t), types.int64, array(t, 2),
        array(t, 2), output(t, 2),
    )
)  # fmt: skip
def jvp_kernel(
    table: Table, flat: Reals, space: Reals, r_table: Table, v: Reals, r_space: Reals, variables: int, x: Reals,
    direction: Reals, into: Reals,
) -> int:  # fmt: skip
    """R{Aᴸ}; returns the first case with NaN or infinity in x, or −1. BLOCK cases at a time."""
    net, r = net_of(table, flat, space), net_of(r_table, v, r_space)
    n, outputs = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS)
    bad = first_not_finite(pointer(x), x.shape[0], n)
    for first in range(0, x.shape[0] if bad < 0 else 0, BLOCK):
        rows = min(BLOCK, x.shape[0] - first)
        fill_rows(net, 0, plan.A, 0, rows, shift(pointer(x), first * n))
        if variables & INPUTS:
            fill_rows(r, 0, plan.A, 0, rows, shift(pointer(direction), first * n))
        forward(net, 0, rows)
        r_forward(net, r, variables, 0, rows)
        take_rows(r, net.layers, plan.A, 0, rows, shift(pointer(into), first * outputs))
    return bad


@kernel(
    lambda t: types.UniTuple(types.int64, 2)(
        array(types.int64), array(t), output(t), array(types.int64), array(t), output(t), types.int64, array(t, 2),
        array(t, 2), array(types.int64), array(types.float64), types.boolean, types.int64, types.int64, types.boolean,
        output(t),
    )
)  # fmt: skip
def hvp_kernel(
    table: Table, flat: Reals, space: Reals, r_table: Table, v: Reals, r_space: Reals, capacity: int, x: Reals,
    y: Reals, labels: Labels, weights: Weights, is_checked: bool, loss: int, second_derivative: int, mean: bool,
    into: Reals,
) -> tuple[int, int]:  # fmt: skip
    """R{∂E/∂(W, b)} over all cases; returns the first fault and its row. The workspaces hold `capacity` cases."""
    net, r = net_of(table, flat, space), net_of(r_table, v, r_space)
    cases = cases_of(x, y, labels, weights, labels[:0], 0, 0)
    fault, row = (FINE, -1) if is_checked else fault_for(net, cases, loss)
    if fault == FINE:
        net.space[plan.ONE] = r.space[plan.ONE] = like(net.space, 1.0)
        scale = unit_case_weight(cases, mean)
        transpose(net, 2, 0, 1)
        transpose(r, 2, 0, 1)
        for chunk in range(0, cases.number, capacity):
            end = min(capacity, cases.number - chunk)
            for first in range(0, end, BLOCK):
                rows = min(BLOCK, end - first)
                load(net, cases, chunk, scale, loss, first, first + rows)
                forward(net, first, rows)
                r_forward(net, r, PARAMETERS, first, rows)
                backward(net, loss, GRADIENT, first, rows)
                r_backward(net, r, loss, second_derivative, first, rows)
            r_gradient(net, r, chunk, end, chunk + end == cases.number, pointer(into))
    return fault, row


@kernel(
    lambda t: types.int64(
        array(types.int64), array(t), output(t), output(t), array(types.int64), output(t), array(t, 2), output(t, 3)
    )
)
def jacobian_kernel(
    table: Table, flat: Reals, space: Reals, wide_space: Reals, r_table: Table, r_space: Reals, x: Reals, into: Reals
) -> int:
    """∂Aᴸ/∂A⁰ of all cases; returns the first case with NaN or infinity in x, or −1.

    A row of the wide workspace belongs to one case and one of its outputs, whose gradient goes back; with fewer inputs
    than outputs to one of its inputs, whose derivative goes forward. The workspaces have room for BLOCK rows.
    """
    net, wide, r = net_of(table, flat, space), net_of(table, flat, wide_space), net_of(r_table, flat, r_space)
    inputs, outputs = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS)
    bad = first_not_finite(pointer(x), x.shape[0], inputs)
    if bad < 0 and outputs <= inputs:
        transpose(wide, 1, 0, 1)
    rows_each = min(inputs, outputs)
    for first in range(0, x.shape[0] * rows_each if bad < 0 else 0, BLOCK):
        rows = min(BLOCK, x.shape[0] * rows_each - first)
        spread_cases(net, wide, pointer(x), first, rows, rows_each)
        if outputs <= inputs:
            unit_rows(wide, net.layers, plan.DE_DA, first, rows)
            backward_from_outputs(wide, 0, rows)
            take_rows(wide, 0, plan.DE_DA, 0, rows, shift(pointer(into), first * inputs))
        else:
            unit_rows(r, 0, plan.A, first, rows)
            r_forward(wide, r, INPUTS, 0, rows)
            take_columns(r, first, rows, pointer(into))
    return bad


@linked(lambda t: types.void(net_type(t), net_type(t), types.CPointer(t), types.int64, types.int64, types.int64))
def spread_cases(net: Net, wide: Net, x: Floats, first: int, rows: int, rows_each: int) -> None:
    """Run `forward` for the cases of the rows, and copy z and a of each case to all of its rows in `wide`."""
    case = first // rows_each
    count = (first + rows - 1) // rows_each - case + 1
    fill_rows(net, 0, plan.A, 0, count, shift(x, case * entry(net, 0, plan.UNITS)))
    forward(net, 0, count)
    for layer in range(1, net.layers + 1):
        units = entry(net, layer, plan.UNITS)
        for row in range(rows):
            source = (first + row) // rows_each - case
            copy(block(net, layer, plan.Z, source), block(wide, layer, plan.Z, row), units)
            copy(block(net, layer, plan.A, source), block(wide, layer, plan.A, row), units)


@inline
def unit_rows(net: Net, layer: int, column: int, first: int, rows: int) -> None:
    """Write the rows first .. first + rows of unit matrices, one below the other."""
    units = entry(net, layer, plan.UNITS)
    for row in range(rows):
        unit = block(net, layer, column, row)
        for i in range(units):
            unit[i] = like(unit, 0.0)
        unit[(first + row) % units] = like(unit, 1.0)


@inline
def take_columns(r: Net, first: int, rows: int, into: Floats) -> None:
    """Copy R{Aᴸ} of each row to a column of its case's Jacobian."""
    inputs, outputs = entry(r, 0, plan.UNITS), entry(r, r.layers, plan.UNITS)
    for row in range(rows):
        case, i = (first + row) // inputs, (first + row) % inputs
        column, a = shift(into, case * outputs * inputs + i), block(r, r.layers, plan.A, row)
        for d in range(outputs):
            column[d * inputs] = a[d]
