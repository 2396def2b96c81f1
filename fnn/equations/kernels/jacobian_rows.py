"""∂Aᴸ/∂(W, b), J1 to J4, and the generalised Gauss–Newton matrix, J5 to J7, by blocks of rows.

A row of J belongs to a case c and an output d, row = c n_L + d, and has ∂a_cdᴸ/∂(W, b) in the order of the parameters
(Hagan and Menhaj 1994, "Training feedforward networks with the Marquardt algorithm"). With δ of that row alone:

    J1  ∂a_dᴸ/∂aᴸ = e_d                                  in the place of E2
    J2  δᴸ = ∂a_dᴸ/∂zᴸ, and B1 and B4 from there         a backward pass for each output
    J3  ∂a_dᴸ/∂Wˡ = (aˡ⁻¹)ᵀ δˡ                           B2 without the sum over the cases
    J4  ∂a_dᴸ/∂bˡ = δˡ                                   B3 without it

The matrix of a loss that is convex in the outputs is positive semidefinite: the Hessian of E but for the terms that
have second derivatives of the network (Schraudolph 2002, "Fast curvature matrix-vector products"):

    J5  G = Σ_c w_c J_cᵀ H_c J_c,  H_c = ∂²E_c/∂aᴸ²
    J6  G = RᵀR, with rows R from √w_c S_c instead of e_d,  H_c = S_c S_cᵀ
    J7  S_c = diag √p − p √pᵀ,  H_c = diag p − p pᵀ      cross-entropy and its kin, p = softmax(zᴸ)

S_c = diag √h for a loss that is a sum over the output units, h_d = ∂²E_c/∂a_d². J_c and H_c are derivatives by zᴸ
instead of aᴸ, and rows start at δᴸ, with a loss that fills Δᴸ itself: H_c is J7, or diag h, h_d = ∂²E_c/∂z_d². With
softplus at the output, where that of `gamma` may be negative, h is its expectation over targets whose mean is a.
"""

from typing import Any, Final

import numpy as np
from numba import types
from numba.extending import register_jitable

from fnn.activations.kernels.dispatch import CODE, CODE_OF_LOG_SOFTMAX
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, address, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import lanes_of, vector_width
from fnn.data.kernels.cases import (
    CasePointers,
    cases_type,
    copy,
    load,
)
from fnn.equations.kernels.backprop import deltas, errors_before, forward
from fnn.equations.kernels.derivatives import fill_rows
from fnn.equations.kernels.forward import BLOCK
from fnn.losses.kernels.second_derivatives import output_second_derivative
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry, function_of, net_type, rounded
from fnn.numerics.elementary import exp
from fnn.numerics.outer import copy_vectors, outer_product
from fnn.numerics.symmetric import put_row

ROWS: Final = 256  # rows of J whose products are summed in one chain

# What the backward pass of a row starts from: at ∂E/∂Aᴸ a unit vector, J1, or √h; at Δᴸ √h, √h by the expected second
# derivative, or J7.
UNIT, CURVED, DIRECT, EXPECTED, SOFTMAX = range(5)


def row_size(parameters: int, dtype: np.dtype[Any]) -> int:
    """The elements of memory for the rows of J that a thread writes before it moves them to their places."""
    return rows_at_once(parameters) * row_stride(parameters, lanes_of(dtype))


@register_jitable
def rows_at_once(parameters: int) -> int:
    """Several short rows, so that none is read while its last numbers are still on their way to the cache."""
    return max(1, min(16, 2048 // parameters))


@register_jitable
def row_stride(parameters: int, lanes: int) -> int:
    """The elements of a row that is written by whole vectors."""
    return rounded(parameters, lanes) + lanes


@linked(
    lambda t: types.void(
        *[net_type(t)] * 3, cases_type(t), types.float64, *[types.int64] * 3, types.CPointer(types.int64),
        *[types.int64] * 4, *[types.CPointer(t)] * 2, types.boolean,
    )
)  # fmt: skip
def jacobian_rows(
    held: Net, net: Net, wide: Net, cases: CasePointers, scale: float, loss: int, second_derivative: int, start: int,
    kept: Integers, count: int, first: int, top: int, bottom: int, row: Floats, x: Floats, packed: bool,
) -> None:  # fmt: skip
    """Rows first + top .. first + bottom of J or of R, to the rows top .. bottom of the block X, or of a matrix.

    The case at the position c of the order has the rows from c n_L on. With UNIT only the inputs of cases are read.
    `wide` has (Wˡ)ᵀ, l > 1, already. The workspace of `held` has all cases after `forward`; or `held` is `net`.
    """
    outputs = entry(net, net.layers, plan.UNITS)
    whole = entry(net, net.layers, plan.COMPACT) + (entry(net, net.layers - 1, plan.UNITS) + 1) * outputs
    at_once, stride = rows_at_once(whole), row_stride(whole, vector_width(x))
    for begin in range(top, bottom, BLOCK):
        rows = min(BLOCK, bottom - begin)
        case, each = (first + begin) // outputs, (first + begin) % outputs
        number = (each + rows + outputs - 1) // outputs
        if address(held.space) != address(net.space):
            copy_cases(held, case, number, net)
        elif start == UNIT:
            fill_rows(net, 0, plan.A, 0, number, shift(cases.x, case * entry(net, 0, plan.UNITS)))
            forward(net, 0, number)
        else:
            load(net, cases, case, scale, loss, 0, number)
            forward(net, 0, number)
        backward_by_outputs(net, wide, loss, second_derivative, start, number, each, rows)
        for r in range(rows):
            if r % at_once == 0:
                write_rows(net, wide, each, r, min(at_once, rows - r), row, stride)
            values = shift(row, r % at_once * stride)
            keep(values, kept, count, whole)
            if packed:
                put_row(x, begin + r, values, count, ROWS)
            else:
                copy(values, shift(x, (begin + r) * count), count)


@linked(lambda t: types.void(net_type(t), *[types.int64] * 2, net_type(t)))
def copy_cases(held: Net, case: int, number: int, net: Net) -> None:
    """Copy what `load` and `forward` have left of some cases to the front of another workspace."""
    for layer in range(net.layers + 1):
        size = number * entry(net, layer, plan.STRIDE)
        copy(block(held, layer, plan.A, case), block(net, layer, plan.A, 0), size)
        if layer > 0:
            copy(block(held, layer, plan.Z, case), block(net, layer, plan.Z, 0), size)
    stride = entry(net, net.layers, plan.STRIDE)
    for column, each in ((plan.TARGETS, stride), (plan.CASE_WEIGHTS, 1)):
        source = shift(held.space, entry(held, 0, column) + case * each)
        copy(source, shift(net.space, entry(net, 0, column)), number * each)


@linked(lambda t: types.void(*[net_type(t)] * 2, *[types.int64] * 6))
def backward_by_outputs(
    net: Net, wide: Net, loss: int, second_derivative: int, start: int, number: int, each: int, rows: int
) -> None:  # fmt: skip
    """The δ of every row, after `forward` of the cases; the first row belongs to the output `each` of the first."""
    top, outputs = net.layers, entry(net, net.layers, plan.UNITS)
    if start == SOFTMAX:
        probabilities(net, number)
    elif start != UNIT:
        second_derivatives(net, loss, second_derivative, start, number)
    if address(wide.space) != address(net.space):
        for layer in range(1, top + (start < DIRECT)):
            spread_layer(net, wide, layer, each, rows)
    case, d = 0, each
    for row in range(rows):
        start_row(net, wide, start, case, d, row)
        case, d = following(case, d, outputs)
    for layer in range(top, 0, -1):
        if layer < top or start < DIRECT:
            deltas(wide, layer, 0, rows)  # J2  δᴸ = ∂a_dᴸ/∂zᴸ, and B1
        if layer > 1:
            errors_before(wide, layer, 0, rows)  # B4


@inline
def probabilities(net: Net, number: int) -> None:
    """p = softmax(zᴸ) of each case, in the place of Δᴸ."""
    is_log = function_of(net, net.layers)[CODE] == CODE_OF_LOG_SOFTMAX
    for case in range(number):
        a, p = block(net, net.layers, plan.A, case), block(net, net.layers, plan.DELTA, case)
        for d in range(entry(net, net.layers, plan.UNITS)):
            p[d] = exp(a[d]) if is_log else a[d]


@inline
def second_derivatives(net: Net, loss: int, second_derivative: int, start: int, number: int) -> None:
    """w_c h of each case, in the place of Δᴸ: R3 along R{zᴸ} = (1, 1, ..)."""
    top, units, stride = net.layers, entry(net, net.layers, plan.UNITS), entry(net, net.layers, plan.STRIDE)
    ones, h, a = block(net, top, plan.DE_DA, 0), block(net, top, plan.DELTA, 0), block(net, top, plan.A, 0)
    y = shift(net.space, entry(net, 0, plan.TARGETS))
    for i in range(number * stride):
        ones[i] = like(ones, 1.0)
    if start != CURVED:
        deltas(net, top, 0, number)  # R{aᴸ} = f′(zᴸ)
    output_second_derivative(
        loss, second_derivative, function_of(net, top)[CODE], block(net, top, plan.Z, 0), a,
        a if start == EXPECTED else y, shift(net.space, entry(net, 0, plan.CASE_WEIGHTS)),
        ones, ones if start == CURVED else h, h, number, units, stride,
    )  # fmt: skip


@inline
def spread_layer(net: Net, wide: Net, layer: int, each: int, rows: int) -> None:
    """Copy z and a of each case to all of its rows."""
    outputs, units = entry(net, net.layers, plan.UNITS), entry(net, layer, plan.UNITS)
    case, d = 0, each
    for row in range(rows):
        copy(block(net, layer, plan.Z, case), block(wide, layer, plan.Z, row), units)
        copy(block(net, layer, plan.A, case), block(wide, layer, plan.A, row), units)
        case, d = following(case, d, outputs)


@inline
def start_row(net: Net, wide: Net, start: int, case: int, d: int, row: int) -> None:
    """J1 or J6: ∂E/∂aᴸ or, with a direct loss, δᴸ of a row."""
    top = net.layers
    into, of_case = (
        block(wide, top, plan.DE_DA if start < DIRECT else plan.DELTA, row),
        block(net, top, plan.DELTA, case),
    )
    zero, one, value = like(into, 0.0), like(into, 1.0), of_case[d]
    if start == SOFTMAX:  # J7
        factor = np.sqrt(net.space[entry(net, 0, plan.CASE_WEIGHTS) + case] * value)
        for k in range(entry(net, top, plan.UNITS)):
            into[k] = -factor * of_case[k]
        into[d] = factor * (one - value)
    else:
        for k in range(entry(net, top, plan.UNITS)):
            into[k] = zero
        # A rounding error below 0 counts as 0.
        into[d] = one if start == UNIT else (zero if value < zero else np.sqrt(value))


@inline
def write_rows(net: Net, wide: Net, each: int, first: int, rows: int, into: Floats, stride: int) -> None:
    """J3 and J4: some rows of J, `stride` apart, each in the order of the parameters."""
    outputs = entry(net, net.layers, plan.UNITS)
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        d = (each + first) % outputs
        a, of_case = block(net, layer - 1, plan.A, (each + first) // outputs), entry(net, layer - 1, plan.STRIDE)
        delta, of_row = block(wide, layer, plan.DELTA, first), entry(net, layer, plan.STRIDE)
        to, behind = shift(into, entry(net, layer, plan.COMPACT)), inputs * units
        for _ in range(rows):
            outer_product(a, inputs, delta, units, to)  # J3  (aˡ⁻¹)ᵀ δˡ
            copy_vectors(delta, units, shift(to, behind))  # J4  δˡ
            d += 1
            if d == outputs:
                a, d = shift(a, of_case), 0
            delta, to = shift(delta, of_row), shift(to, stride)


@inline
def following(case: int, d: int, outputs: int) -> tuple[int, int]:
    """The case and the output of the next row: a division takes as long as a short row."""
    return (case, d + 1) if d + 1 < outputs else (case + 1, 0)


@inline
def keep(row: Floats, kept: Integers, count: int, whole: int) -> None:
    """Move the numbers of the parameters that are kept to the front."""
    if count < whole:
        for i in range(count):
            row[i] = row[kept[i]]
