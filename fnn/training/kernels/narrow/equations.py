"""The equations, F1 to B4 and G1, for networks and batches so small that the calls would take most of the time.

The results have the bits of `fnn.equations.kernels.backprop`, and the formulas beside the code are the same: the rows
of a batch are cases. In memory, however, cases are the columns, so that one vector holds a unit's values for several
cases: Z_l, A_l and Δ_l have a row for each unit, and so has W_l, with the weights into the unit followed by its bias,
which belongs to an input of 1. Every product is then a sum of vectors times single numbers (see `.products`). The
backward pass updates each W_l as it goes: B4 reads Wˡ before G1 changes it. `is_narrow` of
`fnn.network.kernels.narrow_plan` says which networks are trained this way.

Calls are made only for activations other than the sigmoid, and for losses other than the squared error.
"""

from typing import Any, Final

from numba import types

from fnn.activations.kernels.dispatch import CODE, activate, multiply_by_prime
from fnn.activations.kernels.smooth import sigmoid_prime
from fnn.compiler.addresses import calling
from fnn.compiler.inline import forced, intrinsic
from fnn.compiler.intrinsics import doubles, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.target import vector_width
from fnn.equations.kernels.gradient import sum_in_order
from fnn.losses.kernels.dispatch import is_direct, output_error
from fnn.network.kernels import narrow_plan, plan
from fnn.network.kernels.narrow_plan import BY_CALL, BY_CASES, ERRORS, IN_PLACE, KIND, ONES, PRIME, block_of_cases, part
from fnn.network.kernels.plan import Net, entry, function_of, net_type
from fnn.numerics.elementary import sigmoid
from fnn.numerics.matmul import transpose_block
from fnn.training.kernels.narrow.products import (
    descend_product,
    product_plus,
    product_times,
    squared_errors,
    transpose_small,
)

_FEW: Final = 24  # elements that are transposed faster one by one than in blocks of 16 × 16


@forced
def forward(net: Net, rows: int) -> None:
    """From the inputs A⁰ to the outputs Aᴸ."""
    for layer in range(1, net.layers + 1):
        weighted_inputs(net, layer)  # F1  Zˡ = Aˡ⁻¹ Wˡ + bˡ
        activations(net, layer, rows)  # F2, F3  Aˡ = f(Zˡ), f′(Zˡ)


@forced
def backward(net: Net, loss: int, rows: int, eta: float) -> float:
    """From the outputs back, with the update of each layer (G1); returns the error before it."""
    error = output_deltas(net, loss, rows)  # E1, E2, B1  Δᴸ = ∂E/∂Aᴸ ⊙ f′(Zᴸ)
    for layer in range(net.layers, 0, -1):
        if layer > 1:
            deltas_before(net, layer)  # B4, B1  Δˡ⁻¹ = Δˡ (Wˡ)ᵀ ⊙ f′(Zˡ⁻¹)
        descend(net, layer, rows, eta)  # B2, B3, G1  Wˡ −= η (Aˡ⁻¹)ᵀ Δˡ,  bˡ −= η Σ_c δˡ
    return error


@forced
def weighted_inputs(net: Net, layer: int) -> None:
    """F1: Zˡ = Aˡ⁻¹ Wˡ + bˡ; for the sigmoid, in the memory of Aˡ."""
    inputs, units, stride = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS), entry(net, 0, plan.STRIDE)
    a, z = part(net, layer - 1, plan.A), part(net, layer, plan.A if entry(net, layer, KIND) == IN_PLACE else plan.Z)
    w, row = part(net, layer, plan.W), entry(net, layer, plan.W_ROW)
    product_plus(units, stride, inputs, w, row, 1, a, stride, z, stride, shift(w, inputs), row)


@forced
def activations(net: Net, layer: int, rows: int) -> None:
    """F2 and F3: Aˡ = f(Zˡ), and f′(Zˡ), so that B1 needn't wait for it; at the output `output_deltas` may do both."""
    units, stride, kind = entry(net, layer, plan.UNITS), entry(net, 0, plan.STRIDE), entry(net, layer, KIND)
    a, prime = part(net, layer, plan.A), part(net, layer, PRIME)
    if kind == IN_PLACE:
        for i in range(units * stride):
            a[i] = sigmoid(a[i])
            prime[i] = sigmoid_prime(like(a, 0.0), a[i])
    elif kind == BY_CALL:
        z, function = part(net, layer, plan.Z), function_of(net, layer)
        activate(function, z, a, units, rows, stride)
        multiply_by_prime(function, z, a, part(net, 0, ONES), prime, units, rows, stride)
    if layer < net.layers:
        transpose_by_cases(net, layer, rows)


@forced
def transpose_by_cases(net: Net, layer: int, rows: int) -> None:
    """Transpose Aˡ to a row for each case, for B2."""
    units, stride, row = entry(net, layer, plan.UNITS), entry(net, 0, plan.STRIDE), entry(net, layer + 1, plan.W_ROW)
    a, into, lanes = part(net, layer, plan.A), part(net, layer, BY_CASES), vector_width(net.space)
    if units * rows <= _FEW:
        transpose_small(units, rows, a, stride, into, row)
        return
    c = 0
    while c < rows:  # a range with a step would divide
        j = 0
        while j < units:
            transpose_block(shift(a, j * stride + c), stride, shift(into, c * row + j), row)
            j += lanes
        c += lanes


@forced
def output_deltas(net: Net, loss: int, rows: int) -> float:
    """E1, E2 and B1 at the output: squared error here, anything else by a call."""
    top, stride, code = net.layers, entry(net, 0, plan.STRIDE), entry(net, 0, narrow_plan.OUTPUTS_CODE)
    errors = doubles(part(net, 0, ERRORS))
    if code == 0:
        a, y, prime = part(net, top, plan.A), part(net, 0, plan.TARGETS), part(net, top, PRIME)
        case_weights, delta = part(net, 0, plan.CASE_WEIGHTS), part(net, top, plan.DELTA)
        squared_errors(entry(net, top, plan.UNITS), stride, a, y, prime, case_weights, delta, errors)
    else:
        call_outputs(code, net, loss, rows)
    return sum_in_order(errors, rows, 0.0)


@forced
def deltas_before(net: Net, layer: int) -> None:
    """B4 and B1: Δˡ⁻¹ = Δˡ (Wˡ)ᵀ ⊙ f′(Zˡ⁻¹)."""
    inputs, units, stride = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS), entry(net, 0, plan.STRIDE)
    delta, w, row = part(net, layer, plan.DELTA), part(net, layer, plan.W), entry(net, layer, plan.W_ROW)
    before, prime = part(net, layer - 1, plan.DELTA), part(net, layer - 1, PRIME)
    product_times(inputs, stride, units, w, 1, row, delta, stride, before, stride, prime)


@forced
def descend(net: Net, layer: int, rows: int, eta: float) -> None:
    """B2, B3 and G1: Wˡ −= η (Aˡ⁻¹)ᵀ Δˡ and bˡ −= η Σ_c δˡ, by rows of (Wˡ)ᵀ."""
    units, stride, row = entry(net, layer, plan.UNITS), entry(net, 0, plan.STRIDE), entry(net, layer, plan.W_ROW)
    w, delta, a = part(net, layer, plan.W), part(net, layer, plan.DELTA), part(net, layer - 1, BY_CASES)
    descend_product(units, row, rows, delta, stride, 1, a, row, w, row, eta)


def _outputs_type(t: types.Float) -> Any:
    return types.void(net_type(t), types.int64, types.int64)


@intrinsic
def call_outputs(typingctx: Any, code: Any, net: Any, loss: Any, rows: Any) -> Any:
    """F2, E1, E2 and B1 at the output, by the code at the address `code`."""
    return calling(_outputs_type(net.types[2].dtype))


def outputs_by_cases(net: Net, loss: int, rows: int) -> None:
    """F2, E1, E2 and B1 at the output, by code that takes a row for each case: Zᴸ is transposed, and Δᴸ back."""
    top, stride, row = net.layers, entry(net, 0, plan.STRIDE), entry(net, 0, narrow_plan.OUTPUT_STRIDE)
    units, function = entry(net, top, plan.UNITS), function_of(net, top)
    z, a = block_of_cases(net, narrow_plan.Z_OF_CASES), block_of_cases(net, narrow_plan.A_OF_CASES)
    y, dE_da = block_of_cases(net, narrow_plan.Y_OF_CASES), block_of_cases(net, narrow_plan.DE_DA_OF_CASES)
    delta = block_of_cases(net, narrow_plan.DELTA_OF_CASES)
    case_weights, errors = part(net, 0, plan.CASE_WEIGHTS), doubles(part(net, 0, ERRORS))
    transpose_small(units, rows, part(net, top, plan.Z), stride, z, row)
    activate(function, z, a, rows, units, row)  # F2
    output_error(loss, function[CODE], z, a, y, case_weights, dE_da, delta, errors, rows, units, row)  # E1, E2
    if not is_direct(loss):
        multiply_by_prime(function, z, a, dE_da, delta, rows, units, row)  # B1
    transpose_small(rows, units, delta, row, part(net, top, plan.DELTA), stride)


OUTPUTS_BY_CASES = OnDemand(outputs_by_cases, _outputs_type)
