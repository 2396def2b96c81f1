"""The equations, F1 to B4 and G1, for a block of cases, with the letters and tags of the README.

E1 and E2 are worked out in `fnn.losses.kernels`, F2, F3 and the f′ of B1 in `fnn.activations.kernels`; G1 is what
`gradient` does with the epilogue DESCEND.

A batch is a matrix whose rows are cases: A_l and Z_l are (N, n_l), W_l is (n_{l−1}, n_l), b_l is (n_l,).

`forward` and `backward` take the cases first .. first + rows and only read the weights; `gradient` takes a part of the
rows of each W_l, over all cases in the workspace. Several threads may compute blocks of the former, and parts of the
latter, at the same time: every number comes from the same operations in one order, however the work is divided.

`fnn.training.kernels.narrow.equations` has the same equations, with the same bits, for networks that are too small for
these calls.
"""

from numba import types

from fnn.activations.kernels.dispatch import CODE, activate, multiply_by_prime
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width, vector_width
from fnn.equations.kernels.parts import rows_of_part
from fnn.losses.kernels.dispatch import is_direct, output_error
from fnn.network.kernels import plan
from fnn.network.kernels.plan import CHAIN, GROUP, Net, block, entry, errors_of, function_of, net_type, rounded
from fnn.numerics.blocked import call_by_blocks, pays
from fnn.numerics.matmul import Prefetch, matmul, prefetch_type, transpose_pack
from fnn.numerics.microkernel import ADD, BIAS, DESCEND, SUMS, ZERO
from fnn.numerics.outer import row_product
from fnn.numerics.thin import few_columns_product, has_few_columns, is_thin, thin_product

ERROR_ONLY, GRADIENT, EVERYTHING = range(3)  # how far `backward` goes: to E; to every Δ; to ∂E/∂A⁰


@linked(lambda t: types.void(net_type(t), types.int64, types.int64))
def forward(net: Net, first: int, rows: int) -> None:
    """From the inputs A⁰ to the outputs Aᴸ."""
    for layer in range(1, net.layers + 1):
        weighted_inputs(net, layer, first, rows)  # F1  Zˡ = Aˡ⁻¹ Wˡ + bˡ
        activations(net, layer, first, rows)  # F2  Aˡ = f(Zˡ)


@linked(lambda t: types.void(net_type(t), types.int64, types.int64, types.int64, types.int64))
def backward(net: Net, loss: int, extent: int, first: int, rows: int) -> None:
    """From the outputs back, as far as `extent` says."""
    output_errors(net, loss, first, rows)  # E1, E2  ∂E/∂Aᴸ
    if extent == ERROR_ONLY:
        return
    for layer in range(net.layers, 0, -1):
        if layer < net.layers or not is_direct(loss):
            deltas(net, layer, first, rows)  # B1  Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ)
        if layer > 1 or extent == EVERYTHING:
            errors_before(net, layer, first, rows)  # B4  ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ


@linked(
    lambda t: types.void(
        net_type(t), *[types.int64] * 2, types.boolean, types.CPointer(t), types.int64, t, *[types.int64] * 2,
        prefetch_type(t),
    )
)  # fmt: skip
def gradient(
    net: Net, case: int, rows: int, is_last: bool, into: Floats, epilogue: int, eta: float, part: int, parts: int,
    prefetch: Prefetch,
) -> None:  # fmt: skip
    """The part's rows of each ∂E/∂W and ∂E/∂b, laid out as the weights are.

    The workspace holds `rows` cases of a batch, from its `case` on, a multiple of CHAIN; `is_last` says that they are
    the last. Their sums are STOREd in `into`, or added to those of the cases before. With DESCEND, for a batch of at
    most CHAIN cases, `into` being the weights, they are used at once (G1): W becomes W − η ∂E/∂W, the same for b, and
    no gradient is ever stored. `prefetch` brings the next batch into the cache meanwhile.
    """
    start = 0
    while start < rows:  # a range with a step would divide
        end = min(start + CHAIN, rows)
        sums, how = place_of_sums(net, case + start, into, epilogue)
        ahead = prefetched_beside(prefetch, start, end, rows)
        for layer in range(1, net.layers + 1):
            top, bottom, has_bias = rows_of_part(net, layer, part, parts)
            with_bias = has_bias and takes_bias_along(net, layer, start, end, top, bottom)
            if bottom > top:
                # B2  ∂E/∂Wˡ = (Aˡ⁻¹)ᵀ Δˡ, and with_bias B3
                init = SUMS if with_bias else ZERO
                weight_gradient(net, net, layer, start, end, top, bottom, sums, init, how, eta, ahead)
                ahead = no_prefetch(net)
            if has_bias and not with_bias:
                bias_gradient(net, layer, start, end, sums, how, eta)  # B3  ∂E/∂bˡ = Σ_c δˡ
            if how == DESCEND and layer > 1:
                transpose_rows(net, layer, top, bottom)
        if ends_group(case + end, is_last and end == rows):
            add_group(net, into, part, parts)
        start = end


@inline
def place_of_sums(net: Net, case: int, into: Floats, epilogue: int) -> tuple[Floats, int]:
    """Where the sums of the chain that begins with the case go, and by which epilogue."""
    sums = into if case < GROUP else shift(net.space, entry(net, 0, plan.GROUP_SUMS))
    return sums, epilogue if case % GROUP == 0 else ADD


@inline
def ends_group(end: int, is_last: bool) -> bool:
    """Whether the sums of a group other than the first are complete with the chain before the case `end`."""
    return end > GROUP and (is_last or end % GROUP == 0)


@linked(lambda t: types.void(net_type(t), types.CPointer(t), types.int64, types.int64))
def add_group(net: Net, into: Floats, part: int, parts: int) -> None:
    """Add the part's rows of a group's sums to those of the groups before."""
    sums, panel = shift(net.space, entry(net, 0, plan.GROUP_SUMS)), panel_width(into)
    for layer in range(1, net.layers + 1):
        inputs = entry(net, layer - 1, plan.UNITS)
        top, bottom, has_bias = rows_of_part(net, layer, part, parts)
        w, w_row, w_panel = entry(net, layer, plan.W), entry(net, layer, plan.W_ROW), entry(net, layer, plan.W_PANEL)
        for row in range(top, bottom + has_bias):  # b follows the last row of W
            at, row_panel = (w + row * w_row, w_panel) if row < inputs else (entry(net, layer, plan.B), panel)
            matmul(  # of the number one with the row
                1, entry(net, layer, plan.WIDTH), 1,
                shift(net.space, plan.ONE), 0, 0,
                shift(sums, at), row_panel, panel,
                shift(into, at), row_panel, panel,
                ZERO, net.space, ADD, like(into, 0.0), no_prefetch(net),
            )  # fmt: skip


@inline
def prefetched_beside(prefetch: Prefetch, start: int, end: int, rows: int) -> Prefetch:
    """The range of what is prefetched beside `rows` cases that those from start to end prefetch."""
    if end - start == rows:
        return prefetch
    top, bottom = prefetch.rows * start // rows, prefetch.rows * end // rows
    return Prefetch(prefetch.matrix, shift(prefetch.order, top), prefetch.length, bottom - top)


@inline
def weighted_inputs(net: Net, layer: int, first: int, rows: int) -> None:
    """F1: Zˡ = Aˡ⁻¹ Wˡ + bˡ, for few units with the cases side by side in the vectors."""
    units, inputs = entry(net, layer, plan.UNITS), entry(net, layer - 1, plan.UNITS)
    if has_few_columns(rows, units, inputs, vector_width(net.space)):
        few_columns_product(
            rows, units, inputs, block(net, layer - 1, plan.A, first), entry(net, layer - 1, plan.STRIDE),
            shift(net.weights, entry(net, layer, plan.W)), entry(net, layer, plan.W_ROW),
            shift(net.weights, entry(net, layer, plan.B)), block(net, layer, plan.Z, first),
        )  # fmt: skip
    else:
        times_weights(net, net, net, layer, first, rows, BIAS)


@inline
def times_weights(of_a: Net, of_w: Net, of_z: Net, layer: int, first: int, rows: int, init: int) -> None:
    """The product of F1 and of R1's terms, each operand from a network of its own."""
    units, inputs = entry(of_w, layer, plan.WIDTH), entry(of_a, layer - 1, plan.UNITS)
    a, a_row = block(of_a, layer - 1, plan.A, first), entry(of_a, layer - 1, plan.STRIDE)
    w, w_row = shift(of_w.weights, entry(of_w, layer, plan.W)), entry(of_w, layer, plan.W_ROW)
    z, z_row = block(of_z, layer, plan.Z, first), entry(of_z, layer, plan.STRIDE)
    b, zero, nothing = shift(of_w.weights, entry(of_w, layer, plan.B)), like(of_z.space, 0.0), no_prefetch(of_z)
    by_blocks = entry(of_z, 0, plan.BY_BLOCKS)
    if by_blocks != 0 and pays(rows, w_row, vector_width(w)):
        panels = shift(of_z.space, entry(of_z, 0, plan.PANELS))
        call_by_blocks(by_blocks, rows, units, inputs, a, a_row, w, w_row, z, z_row, init, b, panels, zero, nothing)
    else:
        row_product(rows, units, inputs, a, a_row, w, entry(of_w, layer, plan.W_PANEL), w_row, z, z_row, init, b)


@inline
def activations(net: Net, layer: int, first: int, rows: int) -> None:
    """F2: Aˡ = f(Zˡ)."""
    z, a = block(net, layer, plan.Z, first), block(net, layer, plan.A, first)
    activate(function_of(net, layer), z, a, rows, entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE))


@inline
def output_errors(net: Net, loss: int, first: int, rows: int) -> None:
    """E1 case by case, and E2: ∂E/∂Aᴸ."""
    top, stride = net.layers, entry(net, net.layers, plan.STRIDE)
    output_error(
        loss, function_of(net, top)[CODE],
        block(net, top, plan.Z, first), block(net, top, plan.A, first),
        shift(net.space, entry(net, 0, plan.TARGETS) + first * stride),
        shift(net.space, entry(net, 0, plan.CASE_WEIGHTS) + first),
        block(net, top, plan.DE_DA, first), block(net, top, plan.DELTA, first),
        errors_of(net, first), rows, entry(net, top, plan.UNITS), stride,
    )  # fmt: skip


@inline
def deltas(net: Net, layer: int, first: int, rows: int) -> None:
    """B1: Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ)."""
    multiply_by_prime(
        function_of(net, layer),
        block(net, layer, plan.Z, first), block(net, layer, plan.A, first),
        block(net, layer, plan.DE_DA, first), block(net, layer, plan.DELTA, first),
        rows, entry(net, layer, plan.UNITS), entry(net, layer, plan.STRIDE),
    )  # fmt: skip


@inline
def errors_before(net: Net, layer: int, first: int, rows: int) -> None:
    """B4: ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ."""
    times_transposed(net, net, net, layer, first, rows, ZERO)


@inline
def times_transposed(of_delta: Net, of_w: Net, of_error: Net, layer: int, first: int, rows: int, init: int) -> None:
    """The product of B4 and of R7's terms, each operand from a network of its own."""
    units, panel = entry(of_w, layer, plan.UNITS), panel_width(of_w.space)
    stride = entry(of_error, layer - 1, plan.STRIDE)
    width = min(rounded(entry(of_w, layer - 1, plan.UNITS), panel // 2), stride)
    row_product(
        rows, width, units,
        block(of_delta, layer, plan.DELTA, first), entry(of_delta, layer, plan.STRIDE),
        shift(of_w.space, entry(of_w, layer, plan.TRANSPOSED)), units * panel, panel,
        block(of_error, layer - 1, plan.DE_DA, first), stride, init, of_w.space,
    )  # fmt: skip


@inline
def takes_bias_along(net: Net, layer: int, start: int, end: int, top: int, bottom: int) -> bool:
    """Whether `weight_gradient` can compute B3, too, as one more row of the product, so that Δ isn't read again.

    On its own it waits for one chain of sums, or for the second-level cache: ∂E/∂(W, b) of 4-32-16-4 over 256 cases
    took 2.6 µs instead of 2.2, of 41-203-3 over 77 cases 7.1 instead of 6.8.
    """
    return bottom - top > 1 and not is_thin(entry(net, layer, plan.UNITS), end - start, vector_width(net.space))


@inline
def weight_gradient(
    of_a: Net, of_delta: Net, layer: int, start: int, end: int, top: int, bottom: int, into: Floats, init: int,
    epilogue: int, eta: float, prefetch: Prefetch,
) -> None:  # fmt: skip
    """B2: ∂E/∂Wˡ = (Aˡ⁻¹)ᵀ Δˡ, rows top .. bottom, over the cases start .. end; from SUMS B3, too.

    R5's operands are of two networks.
    """
    units, stride = entry(of_a, layer, plan.UNITS), entry(of_a, layer - 1, plan.STRIDE)
    w_row = entry(of_a, layer, plan.W_ROW)
    a, delta = shift(block(of_a, layer - 1, plan.A, start), top), block(of_delta, layer, plan.DELTA, start)
    w = shift(into, entry(of_a, layer, plan.W) + top * w_row)
    if init == ZERO and is_thin(units, end - start, vector_width(w)):
        thin_product(
            bottom - top, units, end - start, a, stride, delta, entry(of_delta, layer, plan.STRIDE),
            w, w_row, entry(of_a, layer, plan.WIDTH), epilogue, eta,
            shift(of_a.space, entry(of_a, layer, plan.WORK) + top), stride, prefetch,
        )  # fmt: skip
    else:
        matmul(
            bottom - top + (init == SUMS), entry(of_a, layer, plan.WIDTH), end - start,
            a, 1, stride,
            delta, panel_width(of_a.space), entry(of_delta, layer, plan.STRIDE),
            w, entry(of_a, layer, plan.W_PANEL), w_row,
            init, shift(into, entry(of_a, layer, plan.B)), epilogue, eta, prefetch,
        )  # fmt: skip


@inline
def bias_gradient(net: Net, layer: int, start: int, end: int, into: Floats, epilogue: int, eta: float) -> None:
    """B3: ∂E/∂bˡ = Σ_c δˡ, the product of a row of ones with Δˡ, over the cases start .. end."""
    panel = panel_width(net.space)
    matmul(
        1, entry(net, layer, plan.WIDTH), end - start,
        shift(net.space, plan.ONE), 0, 0,
        block(net, layer, plan.DELTA, start), panel, entry(net, layer, plan.STRIDE),
        shift(into, entry(net, layer, plan.B)), panel, panel,
        ZERO, net.space, epilogue, eta, no_prefetch(net),
    )  # fmt: skip


@linked(lambda t: types.void(net_type(t), types.int64, types.int64, types.int64))
def transpose(net: Net, first_layer: int, part: int, parts: int) -> None:
    """Copy the part's rows of each Wˡ to the columns of (Wˡ)ᵀ, for B4."""
    for layer in range(first_layer, net.layers + 1):
        top, bottom, _ = rows_of_part(net, layer, part, parts)
        transpose_rows(net, layer, top, bottom)


@inline
def transpose_rows(net: Net, layer: int, top: int, bottom: int) -> None:
    transpose_pack(
        entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS),
        shift(net.weights, entry(net, layer, plan.W)),
        entry(net, layer, plan.W_PANEL), entry(net, layer, plan.W_ROW),
        shift(net.space, entry(net, layer, plan.TRANSPOSED)), top, bottom,
    )  # fmt: skip


@inline
def no_prefetch(net: Net) -> Prefetch:
    """Nothing to prefetch."""
    return Prefetch(net.space, net.table, 0, 0)
