"""The equations, F1 to B4, for a block of cases; the letters and tags are those of the sources (S0, S1).

A batch is a matrix whose rows are cases: A_l and Z_l are (N, n_l), W_l is (n_{l−1}, n_l), b_l is (n_l,).

`forward_and_back` treats the cases first .. first + rows and only reads the weights; `gradient` treats the rows
top .. bottom of each W_l over all cases. Blocks of the one and slices of the other may be computed at the same time:
every number is one chain of operations in one order, however the work is cut.
"""

from fnn.kernels import plan
from fnn.kernels.activations import activate, multiply_by_prime
from fnn.kernels.intrinsics import Floats, like, shift
from fnn.kernels.losses import is_matched, output_error
from numba import types
from numba.types import CPointer, int64, void
from fnn.kernels.linking import linked
from fnn.kernels.matmul import matmul as matmul_, panel_width, transpose_pack
from fnn.kernels.options import inline
from fnn.kernels.plan import Net, entry
from fnn.kernels.tile import BIAS, DESCEND, STORE, ZERO


@linked(lambda t: void(int64,int64,int64,CPointer(t),int64,int64,CPointer(t),int64,int64,CPointer(t),int64,int64,int64,CPointer(t),int64,t))
def matmul(m, n, k, a, a_row, a_col, b, b_panel, b_row, c, c_panel, c_row, start, bias, finish, eta):
    matmul_(m, n, k, a, a_row, a_col, b, b_panel, b_row, c, c_panel, c_row, start, bias, finish, eta)


@inline
def forward(net: Net, first: int, rows: int) -> None:
    """From the inputs A_0 to the outputs A_L."""
    for layer in range(1, net.layers + 1):
        weighted_inputs(net, layer, first, rows)  # F1  Zˡ = Aˡ⁻¹ Wˡ + bˡ
        activations(net, layer, first, rows)  # F2  Aˡ = f(Zˡ)


@inline
def backward(net: Net, loss: int, errors: Floats, to_inputs: bool, first: int, rows: int) -> None:
    """From the outputs back to every Δˡ; with `to_inputs`, to ∂E/∂A⁰ as well."""
    output_errors(net, loss, errors, first, rows)  # E1, E2
    for layer in range(net.layers, 0, -1):
        if layer < net.layers or not is_matched(loss):
            deltas(net, layer, first, rows)  # B1  Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ)
        if layer > 1 or to_inputs:
            errors_before(net, layer, first, rows)  # B4  ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ


@inline
def weighted_inputs(net: Net, layer: int, first: int, rows: int) -> None:
    """F1: Zˡ = Aˡ⁻¹ Wˡ + bˡ."""
    inputs, stride = entry(net, layer - 1, plan.UNITS), entry(net, layer - 1, plan.STRIDE)
    units, z_stride = entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE)
    matmul(
        rows, units, inputs,
        block(net, layer - 1, plan.A, first), stride, 1,
        shift(net.weights, entry(net, layer, plan.W)), entry(net, layer, plan.W_PANEL), entry(net, layer, plan.W_ROW),
        block(net, layer, plan.Z, first), panel_width(net.space), z_stride,
        BIAS, shift(net.weights, entry(net, layer, plan.B)), STORE, like(net.space, 0.0),
    )  # fmt: skip


@inline
def activations(net: Net, layer: int, first: int, rows: int) -> None:
    """F2: Aˡ = f(Zˡ)."""
    z, a = block(net, layer, plan.Z, first), block(net, layer, plan.A, first)
    activate(entry(net, layer, plan.CODE), z, a, rows, entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE))


@inline
def output_errors(net: Net, loss: int, errors: Floats, first: int, rows: int) -> None:
    """E1 case by case, and E2: ∂E/∂Aᴸ."""
    top, stride = net.layers, entry(net, net.layers, plan.STRIDE)
    output_error(
        loss, entry(net, top, plan.CODE),
        block(net, top, plan.Z, first), block(net, top, plan.A, first),
        shift(net.space, entry(net, 0, plan.TARGETS) + first * stride),
        shift(net.space, entry(net, 0, plan.SHARES) + first),
        block(net, top, plan.DE_DA, first), block(net, top, plan.DELTA, first),
        shift(errors, first), rows, entry(net, top, plan.UNITS), stride,
    )  # fmt: skip


@inline
def deltas(net: Net, layer: int, first: int, rows: int) -> None:
    """B1: Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ)."""
    multiply_by_prime(
        entry(net, layer, plan.CODE),
        block(net, layer, plan.Z, first), block(net, layer, plan.A, first),
        block(net, layer, plan.DE_DA, first), block(net, layer, plan.DELTA, first),
        rows, entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE),
    )  # fmt: skip


@inline
def errors_before(net: Net, layer: int, first: int, rows: int) -> None:
    """B4: ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ."""
    inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
    panel = panel_width(net.space)
    matmul(
        rows, inputs, units,
        block(net, layer, plan.DELTA, first), entry(net, layer, plan.STRIDE), 1,
        shift(net.space, entry(net, layer, plan.TRANSPOSED)), units * panel, panel,
        block(net, layer - 1, plan.DE_DA, first), panel, entry(net, layer - 1, plan.STRIDE),
        ZERO, net.space, STORE, like(net.space, 0.0),
    )  # fmt: skip


@inline
def gradient(net: Net, rows: int, into: Floats, start: int, part: int, parts: int) -> None:
    """The part's share of ∂E/∂W and ∂E/∂b over all `rows` cases, compact; start KEEP goes on from what is there."""
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        dE_dW = shift(into, entry(net, layer, plan.FLAT))
        top, bottom = share(inputs, part, parts)
        weight_gradient(net, layer, rows, top, bottom, dE_dW, panel_width(into), units, start, STORE, like(into, 0.0))
        if part == parts - 1:
            bias_gradient(net, layer, rows, shift(dE_dW, inputs * units), start, STORE, like(into, 0.0))


@inline
def descend(net: Net, rows: int, eta: float, part: int, parts: int) -> None:
    """G1 fused with B2 and B3: W −= η ∂E/∂W and b −= η ∂E/∂b for the part's share, with no gradient in between."""
    for layer in range(1, net.layers + 1):
        w = shift(net.weights, entry(net, layer, plan.W))
        b = shift(net.weights, entry(net, layer, plan.B))
        top, bottom = share(entry(net, layer - 1, plan.UNITS), part, parts)
        w_panel, w_row = entry(net, layer, plan.W_PANEL), entry(net, layer, plan.W_ROW)
        weight_gradient(net, layer, rows, top, bottom, w, w_panel, w_row, ZERO, DESCEND, eta)
        if part == parts - 1:
            bias_gradient(net, layer, rows, b, ZERO, DESCEND, eta)
        if layer > 1:
            transpose(net, layer, top, bottom)


@inline
def weight_gradient(
    net: Net, layer: int, rows: int, top: int, bottom: int,
    into: Floats, into_panel: int, into_row: int, start: int, finish: int, eta: float,
) -> None:  # fmt: skip
    """B2: ∂E/∂Wˡ = (Aˡ⁻¹)ᵀ Δˡ, rows top .. bottom."""
    if bottom > top:
        panel = panel_width(net.space)
        matmul(
            bottom - top, entry(net, layer, plan.UNITS), rows,
            shift(block(net, layer - 1, plan.A, 0), top), 1, entry(net, layer - 1, plan.STRIDE),
            block(net, layer, plan.DELTA, 0), panel, entry(net, layer, plan.STRIDE),
            shift(into, top * into_row), into_panel, into_row,
            start, net.space, finish, eta,
        )  # fmt: skip


@inline
def bias_gradient(net: Net, layer: int, rows: int, into: Floats, start: int, finish: int, eta: float) -> None:
    """B3: ∂E/∂bˡ = Σ_c δˡ, the product of a row of ones with Δˡ."""
    panel = panel_width(net.space)
    matmul(
        1, entry(net, layer, plan.UNITS), rows,
        shift(net.space, plan.ONE), 0, 0,
        block(net, layer, plan.DELTA, 0), panel, entry(net, layer, plan.STRIDE),
        into, panel, panel, start, net.space, finish, eta,
    )  # fmt: skip


@inline
def transpose(net: Net, layer: int, top: int, bottom: int) -> None:
    """Bring rows top .. bottom of Wˡ into its transposed copy, for B4."""
    transpose_pack(
        entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS),
        shift(net.weights, entry(net, layer, plan.W)), entry(net, layer, plan.W_PANEL), entry(net, layer, plan.W_ROW),
        shift(net.space, entry(net, layer, plan.TRANSPOSED)), top, bottom,
    )  # fmt: skip


@inline
def block(net: Net, layer: int, column: int, first: int) -> Floats:
    """Where an array of the layer starts for the case `first`."""
    return shift(net.space, entry(net, layer, column) + first * entry(net, layer, plan.STRIDE))


@inline
def share(total: int, part: int, parts: int) -> tuple[int, int]:
    """The part's range of 0 .. total."""
    return total * part // parts, total * (part + 1) // parts
