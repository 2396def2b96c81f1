"""Derivatives along a direction: R1 to R7, for a block of cases (Pearlmutter 1994, "Fast exact multiplication by the
Hessian").

R{·} is the derivative of the quantity in braces as the parameters move along V and the inputs along R{A⁰}:
R{q} = ∂/∂r q(W + rV, A⁰ + rR{A⁰}) at r = 0. Applied to each of F1 to B4 it gives an equation of the same shape:

    R1  R{Zˡ} = R{Aˡ⁻¹} Wˡ + Aˡ⁻¹ Vˡ + vˡ                    from F1; vˡ is the direction of bˡ
    R2  R{Aˡ} = f′(Zˡ) ⊙ R{Zˡ}                               from F2
    R3  R{∂E/∂Aᴸ} = ∂²E/∂A² R{Aᴸ}                            from E2, in `fnn.losses.kernels.second_derivatives`
    R4  R{Δˡ} = R{∂E/∂Aˡ} ⊙ f′(Zˡ) + ∂E/∂Aˡ ⊙ f″(Zˡ) ⊙ R{Zˡ}  from B1
    R5  R{∂E/∂Wˡ} = (Aˡ⁻¹)ᵀ R{Δˡ} + R{Aˡ⁻¹}ᵀ Δˡ              from B2
    R6  R{∂E/∂bˡ} = Σ_c R{δˡ}                                from B3
    R7  R{∂E/∂Aˡ⁻¹} = R{Δˡ} (Wˡ)ᵀ + Δˡ (Vˡ)ᵀ                 from B4

R1 and R2 are the Jacobian times a direction; all seven are the Hessian of E times V.

`r` is a network beside `net`: its weights are V, its workspace holds R{·} of what the other's holds, in the same
places, and its activations are those of R2 and R4 (see `fnn.activations.kernels.dispatch`).
"""

from numba import types

from fnn.activations.kernels.dispatch import CODE, add_second_derivative, multiply_by_prime, push
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import linked
from fnn.equations.kernels.backprop import (
    add_group,
    bias_gradient,
    deltas,
    ends_group,
    errors_before,
    no_prefetch,
    place_of_sums,
    times_transposed,
    times_weights,
    weight_gradient,
)
from fnn.losses.kernels.dispatch import is_direct
from fnn.losses.kernels.second_derivatives import output_second_derivative
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry, function_of, net_type
from fnn.numerics.microkernel import BIAS, KEEP, STORE, ZERO

INPUTS, PARAMETERS = 1, 2  # the variables that the direction changes; their sum: both


@linked(lambda t: types.void(net_type(t), net_type(t), types.int64, types.int64, types.int64))
def r_forward(net: Net, r: Net, variables: int, first: int, rows: int) -> None:
    """From R{A⁰} to R{Aᴸ}, after `forward`."""
    for layer in range(1, net.layers + 1):
        r_weighted_inputs(net, r, layer, variables, first, rows)  # R1  R{Zˡ} = R{Aˡ⁻¹} Wˡ + Aˡ⁻¹ Vˡ + vˡ
        r_activations(net, r, layer, first, rows)  # R2  R{Aˡ} = f′(Zˡ) ⊙ R{Zˡ}


@inline
def backward_from_outputs(net: Net, first: int, rows: int) -> None:
    """From any ∂E/∂Aᴸ to every Δˡ and to ∂E/∂A⁰, after `forward`."""
    for layer in range(net.layers, 0, -1):
        deltas(net, layer, first, rows)  # B1  Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ)
        errors_before(net, layer, first, rows)  # B4  ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ


@linked(lambda t: types.void(net_type(t), net_type(t), types.int64, types.int64, types.int64, types.int64))
def r_backward(net: Net, r: Net, loss: int, second_derivative: int, first: int, rows: int) -> None:
    """From R{Aᴸ} back to every R{Δˡ}, after `backward` and `r_forward`."""
    r_output_errors(net, r, loss, second_derivative, first, rows)  # R3  R{∂E/∂Aᴸ} = ∂²E/∂A² R{Aᴸ}
    for layer in range(net.layers, 0, -1):
        if layer < net.layers or not is_direct(loss):
            r_deltas(net, r, layer, first, rows)  # R4  R{Δˡ} = R{∂E/∂Aˡ} ⊙ f′(Zˡ) + ∂E/∂Aˡ ⊙ f″(Zˡ) ⊙ R{Zˡ}
        if layer > 1:
            r_errors_before(net, r, layer, first, rows)  # R7  R{∂E/∂Aˡ⁻¹} = R{Δˡ} (Wˡ)ᵀ + Δˡ (Vˡ)ᵀ


@linked(lambda t: types.void(net_type(t), net_type(t), *[types.int64] * 2, types.boolean, types.CPointer(t)))
def r_gradient(net: Net, r: Net, case: int, rows: int, is_last: bool, into: Floats) -> None:
    """R{∂E/∂W} and R{∂E/∂b} of at most CHAIN cases, otherwise as `gradient` does it."""
    sums, epilogue = place_of_sums(net, case, into, STORE)
    for layer in range(1, net.layers + 1):
        r_weight_gradient(net, r, layer, rows, sums, epilogue)  # R5  R{∂E/∂Wˡ} = (Aˡ⁻¹)ᵀ R{Δˡ} + R{Aˡ⁻¹}ᵀ Δˡ
        bias_gradient(r, layer, 0, rows, sums, epilogue, like(into, 0.0))  # R6  R{∂E/∂bˡ} = Σ_c R{δˡ}
    if ends_group(case + rows, is_last):
        add_group(net, into, 0, 1)


@inline
def r_weighted_inputs(net: Net, r: Net, layer: int, variables: int, first: int, rows: int) -> None:
    """R1: R{Zˡ} = R{Aˡ⁻¹} Wˡ + Aˡ⁻¹ Vˡ + vˡ. Either half is left out where it is zero."""
    init = ZERO
    if variables & PARAMETERS:
        times_weights(net, r, r, layer, first, rows, BIAS)
        init = KEEP
    if layer > 1 or variables & INPUTS:
        times_weights(r, net, r, layer, first, rows, init)


@inline
def r_activations(net: Net, r: Net, layer: int, first: int, rows: int) -> None:
    """R2: R{Aˡ} = f′(Zˡ) ⊙ R{Zˡ}."""
    push(
        function_of(r, layer),
        block(net, layer, plan.Z, first), block(net, layer, plan.A, first),
        block(r, layer, plan.Z, first), block(r, layer, plan.A, first),
        rows, entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE),
    )  # fmt: skip


@inline
def r_output_errors(net: Net, r: Net, loss: int, second_derivative: int, first: int, rows: int) -> None:
    """R3: R{∂E/∂Aᴸ}; with a direct loss R{Δᴸ}."""
    top, stride = net.layers, entry(net, net.layers, plan.STRIDE)
    output_second_derivative(
        loss, second_derivative, function_of(net, top)[CODE],
        block(net, top, plan.Z, first), block(net, top, plan.A, first),
        shift(net.space, entry(net, 0, plan.TARGETS) + first * stride),
        shift(net.space, entry(net, 0, plan.CASE_WEIGHTS) + first),
        block(r, top, plan.Z, first), block(r, top, plan.A, first),
        block(r, top, plan.DELTA if is_direct(loss) else plan.DE_DA, first),
        rows, entry(net, top, plan.UNITS), stride,
    )  # fmt: skip


@inline
def r_deltas(net: Net, r: Net, layer: int, first: int, rows: int) -> None:
    """R4: R{Δˡ} = R{∂E/∂Aˡ} ⊙ f′(Zˡ) + ∂E/∂Aˡ ⊙ f″(Zˡ) ⊙ R{Zˡ}."""
    z, a = block(net, layer, plan.Z, first), block(net, layer, plan.A, first)
    r_delta = block(r, layer, plan.DELTA, first)
    units, stride = entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE)
    multiply_by_prime(function_of(net, layer), z, a, block(r, layer, plan.DE_DA, first), r_delta, rows, units, stride)
    add_second_derivative(
        function_of(r, layer), z, a, block(net, layer, plan.DE_DA, first),
        block(r, layer, plan.Z, first), block(r, layer, plan.A, first), r_delta, rows, units, stride,
    )  # fmt: skip


@inline
def r_errors_before(net: Net, r: Net, layer: int, first: int, rows: int) -> None:
    """R7: R{∂E/∂Aˡ⁻¹} = R{Δˡ} (Wˡ)ᵀ + Δˡ (Vˡ)ᵀ."""
    times_transposed(r, net, r, layer, first, rows, ZERO)
    times_transposed(net, r, r, layer, first, rows, KEEP)


@inline
def r_weight_gradient(net: Net, r: Net, layer: int, rows: int, into: Floats, epilogue: int) -> None:
    """R5: R{∂E/∂Wˡ} = (Aˡ⁻¹)ᵀ R{Δˡ} + R{Aˡ⁻¹}ᵀ Δˡ; the inputs stay where they are, R{A⁰} = 0."""
    inputs, zero = entry(net, layer - 1, plan.UNITS), like(net.space, 0.0)
    weight_gradient(net, r, layer, 0, rows, 0, inputs, into, ZERO, epilogue, zero, no_prefetch(net))
    if layer > 1:
        init = KEEP if epilogue == STORE else ZERO
        weight_gradient(r, net, layer, 0, rows, 0, inputs, into, init, epilogue, zero, no_prefetch(net))
