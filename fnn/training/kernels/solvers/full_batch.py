"""The objective of all cases and its gradient, by several threads: what full-batch methods minimise.

Every number is computed by the operations of `differentiate` in their order, so E and ∂E/∂(W, b) have the bits of
`fnn.value_and_grad`, whatever the number of threads. The penalty is added apart, by one thread.
"""

from typing import Any

import numpy as np
from numba import types

from fnn.compiler.addresses import calling
from fnn.compiler.barrier import CANCELLED, cancel_if_interrupted, load_acquired, wait_for_all
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Floats, Integers, like, shift, words_at
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import CasePointers, cases_type
from fnn.equations.kernels.backprop import ERROR_ONLY, gradient, no_prefetch, transpose
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gradient import forward_backward, sum_in_order
from fnn.equations.kernels.parts import partition
from fnn.network.kernels import plan
from fnn.network.kernels.penalty import penalized
from fnn.network.kernels.plan import Net, entry, errors_of, net_type
from fnn.numerics.dot import dot
from fnn.numerics.microkernel import STORE
from fnn.training.kernels.sharded.shards import OBJECTIVE


def sharded_type(t: types.Float) -> Any:
    """The signature of `sharded_objective`."""
    i, p = types.int64, types.CPointer(t)

    return types.float64(i, i, types.CPointer(i), net_type(t), i, cases_type(t), i, types.float64, i, p)


@intrinsic
def call_sharded(
    typingctx: Any, code: Any, thread: Any, threads: Any, barrier: Any, net: Any, capacity: Any, cases: Any, loss: Any,
    scale: Any, shards: Any, into: Any,
) -> Any:  # fmt: skip
    """The objective by shards, whose code is compiled where it is used."""
    return calling(sharded_type(into.dtype))


@linked(
    lambda t: types.float64(
        types.int64, types.int64, types.CPointer(types.int64), net_type(t), *[types.int64] * 2, cases_type(t),
        types.int64, types.float64, types.int64, types.CPointer(t), types.int64,
    )
)  # fmt: skip
def objective(
    thread: int, threads: int, barrier: Integers, net: Net, capacity: int, shared: int, cases: CasePointers,
    loss: int, scale: float, extent: int, into: Floats, shards: int,
) -> float:  # fmt: skip
    """E of all cases, in every thread, and ∂E/∂(W, b) in `into`, laid out as the weights, unless it is ERROR_ONLY.

    The workspace has room for `capacity` cases, all or a multiple of CHAIN. The threads divide every `shared` cases:
    where the caller divides its own work alike, each finds its cases in its cache. A case of weight 1 has the weight
    `scale` in E. With the address of `shards`, E and its gradient are summed along their tree, and are those of all
    processes. The weights must be settled before the call; after it, they may change behind a barrier. After an
    interrupt E is NaN, and all threads find CANCELLED set.
    """
    if shards != 0:
        code = words_at(shards)[OBJECTIVE]
        return call_sharded(
            code, thread, threads, barrier, net, capacity, cases, loss, scale, shards, into
        )  # fmt: skip
    if thread == 0:
        net.space[plan.ONE] = like(net.space, 1.0)
    if extent != ERROR_ONLY:
        transpose(net, 2, thread, threads)
        wait_for_all(barrier, threads)
    total, first = 0.0, 0
    while first < cases.number:  # a range with a step would divide
        rows = min(capacity, cases.number - first)
        start = 0
        while start < rows:
            top, bottom = partition(min(shared, rows - start), thread, threads)
            top, bottom = start + top, start + bottom
            while top < bottom and not cancel_if_interrupted(barrier):
                end = min(top + BLOCK, bottom)
                forward_backward(net, cases, first, scale, loss, extent, top, end, True)
                top = end
            start += shared
        wait_for_all(barrier, threads)
        if load_acquired(shift(barrier, CANCELLED)) != 0:
            return np.nan
        total = sum_in_order(errors_of(net, 0), rows, total)
        if extent != ERROR_ONLY:
            is_last = first + rows == cases.number
            gradient(net, first, rows, is_last, into, STORE, like(into, 0.0), thread, threads, no_prefetch(net))
        wait_for_all(barrier, threads)  # the workspace is free again
        first += rows
    return total


@linked(lambda t: types.float64(net_type(t), types.float64, types.CPointer(t), types.boolean, types.CPointer(t)))
def add_penalty(net: Net, l2: float, mask: Floats, has_mask: bool, into: Floats) -> float:
    """½ λ₂ Σ W², whose gradient is added to that in `into`; then 0 for removed parameters, where the mask is 0.

    The weights are those of `Params`, the removed ones 0.
    """
    rate = like(into, l2)
    for layer in range(1, net.layers + 1 if l2 > 0 else 0):
        w, g = shift(net.weights, entry(net, layer, plan.W)), shift(into, entry(net, layer, plan.W))
        for i in range(entry(net, layer - 1, plan.UNITS) * entry(net, layer, plan.UNITS)):
            g[i] = penalized(w[i], g[i], rate, like(into, 0.0))
    if has_mask:
        for i in range(entry(net, net.layers, plan.B) + entry(net, net.layers, plan.UNITS)):
            into[i] = into[i] if mask[i] != like(into, 0.0) else like(into, 0.0)
    return penalty_value(net, l2)


@inline
def penalty_value(net: Net, l2: float) -> float:
    """½ λ₂ Σ W²."""
    total = 0.0
    for layer in range(1, net.layers + 1 if l2 > 0 else 0):
        w = shift(net.weights, entry(net, layer, plan.W))
        total += dot(w, w, entry(net, layer - 1, plan.UNITS) * entry(net, layer, plan.UNITS))
    return 0.5 * l2 * total
