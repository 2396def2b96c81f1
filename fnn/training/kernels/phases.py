"""The two phases of a training step, each cut into chunks that the threads take.

Phase 1, by cases: forward, and back to every Δ; it only reads the weights. Phase 2, by rows of each W: ∂E/∂W over the
whole batch, and its use, by G1 here or by an optimizer's rule in `optimizer_phase`. `regularized_phase` has its own
module, so that a plain optimizer needn't wait for its compilation.
"""

from collections.abc import Callable
from typing import Final

from fnn.compiler.barrier import cancel_if_interrupted, wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like, shift, words_at
from fnn.compiler.linking import OnDemand
from fnn.compiler.target import panel_width
from fnn.data.kernels.cases import CasePointers, prefetch_targets
from fnn.data.kernels.fetch import LENGTH
from fnn.equations.kernels.backprop import GRADIENT, gradient, transpose_rows
from fnn.equations.kernels.gradient import forward_backward
from fnn.equations.kernels.parts import partition, rows_of_part
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, rounded
from fnn.numerics.matmul import Prefetch
from fnn.numerics.microkernel import STORE
from fnn.optimizers.kernels.abi import RULE, STRIDE
from fnn.optimizers.kernels.apply import apply_rule
from fnn.training.kernels.update_rule import UpdateRule, call_cases_phase, rows_phase_type
from fnn.training.kernels.work_stealing import CASES, ROWS, Worker, even_chunks, guided_chunk, guided_chunks, next_chunk

# The fewest rows of a chunk. Where the weights exceed the cache, chunks of cases are larger, so that each load of W
# serves more cases.
_LEAST_CASES: Final = 8
_LEAST_CASES_OF_LARGE: Final = 64
_LEAST_ROWS: Final = 24
_LARGE: Final = 2_000_000  # weights
_CACHED: Final = 250_000  # elements of x that stay in the second-level cache without prefetching

PREPARE, APPLY = 1, 2  # stages of a use: what changes the gradient; then the rule, and what changes the weights

Use = Callable[[Net, Floats, UpdateRule, Floats, int, float, int, int], None]


@inline
def phase_1(
    worker: Worker, net: Net, cases: CasePointers, loss: int, first: int, rows: int, scale: float, loading: bool,
    update_rule: UpdateRule, seed: int, epoch: int, place: int,
) -> None:  # fmt: skip
    """Forward and back for `rows` cases, from `first` in the order on, which is `place` in the epoch."""
    products = entry(net, 0, plan.MULTIPLICATIONS)  # of a case, as many as there are weights
    least = _LEAST_CASES if products < _LARGE else _LEAST_CASES_OF_LARGE
    chunks = guided_chunks(worker, rows * products, rows, least)
    chunk = next_chunk(worker, CASES, chunks, -1)
    while chunk >= 0 and not cancel_if_interrupted(worker.barrier):
        top, bottom = guided_chunk(rows, chunk, chunks, worker.threads)
        if update_rule.cases_phase == 0:
            forward_backward(net, cases, first, scale, loss, GRADIENT, top, bottom, loading)
        else:
            call_cases_phase(
                update_rule.cases_phase, net, cases, first, scale, loss, top, bottom, update_rule.descriptor, seed,
                epoch, place,
            )  # fmt: skip
        chunk = next_chunk(worker, CASES, chunks, chunk)
    wait_for_all(worker.barrier, worker.threads)


@inline
def phase_2(
    worker: Worker, net: Net, case: int, rows: int, is_last: bool, into: Floats, epilogue: int, eta: float,
    cases: CasePointers, next_first: int,
) -> None:  # fmt: skip
    """∂E/∂W for all rows of each W, stored or used by G1 at once, as the epilogue says."""
    part = -1
    while True:
        part, _ = next_gradient(worker, net, case, rows, is_last, into, epilogue, eta, cases, next_first, part)
        if part < 0:
            break
    wait_for_all(worker.barrier, worker.threads)


def optimizer_phase(
    worker: Worker, net: Net, case: int, rows: int, is_last: bool, into: Floats, update_rule: UpdateRule,
    coefficients: Floats, cases: CasePointers, next_first: int,
) -> None:  # fmt: skip
    """∂E/∂W for all rows of each W and, if these cases are the batch's last, its use by the optimizer's rule."""
    zero, one = like(into, 0.0), like(into, 1.0)
    part = -1
    while True:
        part, parts = next_gradient(worker, net, case, rows, is_last, into, STORE, zero, cases, next_first, part)
        if part < 0:
            break
        if is_last:
            use_by_rule(net, into, update_rule, coefficients, APPLY, one, part, parts)
    wait_for_all(worker.barrier, worker.threads)


@inline
def next_gradient(
    worker: Worker, net: Net, case: int, rows: int, is_last: bool, into: Floats, epilogue: int, eta: float,
    cases: CasePointers, next_first: int, last: int,
) -> tuple[int, int]:  # fmt: skip
    """Take a chunk of phase 2, as `next_chunk` does, and compute its gradient; the cases that follow are prefetched.

    Returns the chunk's number, −1 if none is left, and how many chunks the rows of each W are cut into.
    """
    work = rows * entry(net, 0, plan.MULTIPLICATIONS)
    chunks = even_chunks(worker, work, entry(net, 0, plan.UNITS), _LEAST_ROWS)
    part, parts = next_chunk(worker, ROWS, chunks, last), worker.threads * chunks
    if part >= 0:
        prefetch = next_batch_prefetch(cases, net, next_first, rows, part, parts)
        gradient(net, case, rows, is_last, into, epilogue, eta, part, parts, prefetch)
    return part, parts


@inline
def next_batch_prefetch(cases: CasePointers, net: Net, first: int, rows: int, part: int, parts: int) -> Prefetch:
    """The part's range of the cases that phase 1 of the next step reads.

    Memory delivers cases far slower than a core computes with them: of a step of ten digits through 30 units, 8.6 µs,
    prefetching them during phase 2 saves 1.6. Targets are prefetched here, the larger inputs by the tiles of the matrix
    product, one line after the other.
    """
    inputs = entry(net, 0, plan.UNITS)
    length = inputs if cases.sources == 0 else words_at(cases.sources)[LENGTH]
    count = min(rows, cases.number - first) if cases.has_order and cases.number * length > _CACHED else 0
    top, bottom = partition(count, part, parts)
    if count > 0:
        prefetch_targets(cases, entry(net, net.layers, plan.UNITS), first + top, bottom - top)
    return Prefetch(cases.x, shift(cases.order, first + top), length, bottom - top)


def over_rows(apply: Callable[[Net, Floats, UpdateRule, Floats, int, float, bool, int, int], None]) -> Use:
    """Make the use of a gradient from its use for consecutive parameters, which becomes part of it."""

    def use(
        net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, stages: int, factor: float, part: int,
        parts: int,
    ) -> None:  # fmt: skip
        """Use the part's rows of each ∂E/∂W and ∂E/∂b."""
        panel = panel_width(dE_dw)
        for layer in range(1, net.layers + 1):
            inputs, width = entry(net, layer - 1, plan.UNITS), rounded(entry(net, layer, plan.UNITS), panel)
            w = entry(net, layer, plan.W)
            top, bottom, has_bias = rows_of_part(net, layer, part, parts)
            if parts == 1:  # the panels are contiguous
                apply(net, dE_dw, update_rule, coefficients, stages, factor, True, w, width * inputs)
            elif bottom > top:
                for j in range(0, width, panel):
                    first = w + j * inputs + top * panel
                    apply(net, dE_dw, update_rule, coefficients, stages, factor, True, first, (bottom - top) * panel)
            if has_bias:
                b = entry(net, layer, plan.B)
                apply(net, dE_dw, update_rule, coefficients, stages, factor, False, b, width)
            if stages & APPLY and layer > 1:
                transpose_rows(net, layer, top, bottom)

    return use


@inline
def apply(
    net: Net, dE_dw: Floats, update_rule: UpdateRule, coefficients: Floats, stages: int, factor: float, is_weight: bool,
    first: int, count: int,
) -> None:  # fmt: skip
    """The optimizer's rule for `count` weights, or biases, from the first on."""
    w, g, state = shift(net.weights, first), shift(dE_dw, first), shift(update_rule.state, first)
    rule, stride = update_rule.descriptor[RULE], update_rule.descriptor[STRIDE]
    apply_rule(rule, w, g, state, stride, coefficients, is_weight, count)


use_by_rule = inline(over_rows(apply))

OPTIMIZER_PHASE = OnDemand(optimizer_phase, rows_phase_type)
