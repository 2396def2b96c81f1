"""The damped normal equations of Levenberg and Marquardt, (β RᵀR + D) s = g, in the smaller of their two forms.

R has a row for each case and output, with RᵀR = G, the Gauss–Newton matrix of the objective (J6 in
`fnn.equations.kernels.gauss_newton`). D is diagonal: the damping, and λ₂ at weights. With fewer rows than unknowns
Woodbury's identity gives the same s from a system as large as there are rows:

    s = D⁻¹ (g − β Rᵀ t),   K t = R D⁻¹ g,   K = I + β R D⁻¹ Rᵀ
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types

from fnn.compiler.addresses import calling
from fnn.compiler.barrier import CANCELLED, cancel_if_interrupted, load_acquired, wait_for_all
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Floats, Integers, like, shift, words_at
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import CasePointers, cases_type
from fnn.equations.kernels.backprop import transpose as transpose_weights
from fnn.equations.kernels.gauss_newton import gauss_newton
from fnn.equations.kernels.jacobian_rows import ROWS, jacobian_rows
from fnn.equations.kernels.parts import partition
from fnn.network.kernels.plan import Net, net_type
from fnn.numerics.cholesky import cholesky
from fnn.numerics.dot import dot
from fnn.numerics.elimination import transpose
from fnn.numerics.microkernel import ADD, STORE
from fnn.numerics.symmetric import add_gram, put_row
from fnn.numerics.triangular import back_substitute, trace_of_inverse
from fnn.training.kernels.sharded.shards import GAUSS_NEWTON


class Worker(NamedTuple):
    """One of the threads that work together, and memory of its own."""

    thread: int
    threads: int
    barrier: Integers
    held: Net  # all cases after `forward` with the same parameters, in the memory of all; or the next again
    net: Net  # for BLOCK cases,
    wide: Net  # and for BLOCK rows of R: the same with a single output
    row: Floats  # for a row of R, or a column


def worker_type(t: types.Float) -> types.Type:
    i, p = types.int64, types.CPointer(t)

    return types.NamedTuple([i, i, types.CPointer(i), *[net_type(t)] * 3, p], Worker)


class Terms(NamedTuple):
    """What R is made of."""

    cases: CasePointers
    scale: float  # the weight in E of a case of weight 1
    loss: int
    second_derivative: int
    start: int  # see `fnn.equations.kernels.gauss_newton`
    shards: int  # the address of what `shards_of` reads, or 0


def terms_type(t: types.Float) -> types.Type:
    i = types.int64

    return types.NamedTuple([cases_type(t), types.float64, i, i, i, i], Terms)


class System(NamedTuple):
    """The system, which all threads share."""

    unknowns: int  # the parameters that are kept,
    kept: Integers  # and their numbers
    rows: int  # of R
    is_dual: bool  # K is factored
    matrix: Floats  # G's lower triangle, or Rᵀ
    stride: int  # from one row of it to the next
    factor: Floats  # and below its last row one for g
    factor_stride: int
    inverses: Floats
    scratch: Floats
    block: Floats  # X of `add_gram`, for ROWS rows; if the system is dual, also for as many rows of R
    penalty: Floats  # λ₂ of each unknown, 0 for biases
    is_uniform: bool  # it is 0 for all, so that D is a number,
    products: Floats  # and R Rᵀ needs no other sums for another D


def system_type(t: types.Float) -> types.Type:
    i, p = types.int64, types.CPointer(t)

    return types.NamedTuple([i, types.CPointer(i), i, types.boolean, p, i, p, i, *[p] * 4, types.boolean, p], System)


@inline
def with_weights(net: Net, weights: Floats) -> Net:
    """The same network with other parameters."""
    return Net(net.layers, net.table, weights, net.space)


@linked(lambda t: types.boolean(worker_type(t), terms_type(t), system_type(t), types.CPointer(t)))
def linearize(worker: Worker, terms: Terms, system: System, flat: Floats) -> bool:
    """Work out G, or R, of these parameters; False if an interrupt came before its end."""
    held, net, wide = worker.held, with_weights(worker.net, flat), with_weights(worker.wide, flat)
    if system.is_dual:
        return fill_transposed(worker, terms, system, held, net, wide)
    if terms.shards != 0:
        return call_sharded(
            words_at(terms.shards)[GAUSS_NEWTON], worker, terms, system, held, net, wide
        )  # fmt: skip
    return gauss_newton(
        worker.thread, worker.threads, worker.barrier, held, net, wide, terms.cases, terms.scale, terms.loss,
        terms.second_derivative, terms.start, system.kept, system.unknowns, worker.row, system.block, system.matrix,
        system.stride, 0, terms.cases.number,
    )  # fmt: skip


def sharded_type(t: types.Float) -> Any:
    """The signature of `sharded_gauss_newton`."""
    return types.boolean(worker_type(t), terms_type(t), system_type(t), *[net_type(t)] * 3)


@intrinsic
def call_sharded(
    typingctx: Any, code: Any, worker: Any, terms: Any, system: Any, held: Any, net: Any, wide: Any
) -> Any:
    """G by shards, whose code is compiled where it is used."""
    return calling(sharded_type(net.types[2].dtype))


@inline
def fill_transposed(worker: Worker, terms: Terms, system: System, held: Net, net: Net, wide: Net) -> bool:
    """Rᵀ, by blocks of rows of R."""
    transpose_weights(wide, 2, 0, 1)
    first = 0
    while first < system.rows:
        rows = min(ROWS, system.rows - first)
        top, bottom = partition(rows, worker.thread, worker.threads)
        cancel_if_interrupted(worker.barrier)
        jacobian_rows(
            held, net, wide, terms.cases, terms.scale, terms.loss, terms.second_derivative, terms.start, system.kept,
            system.unknowns, first, top, bottom, worker.row, system.block, False,
        )  # fmt: skip
        source, into = shift(system.block, top * system.unknowns), shift(system.matrix, first + top)
        transpose(bottom - top, system.unknowns, source, system.unknowns, into, system.stride)
        wait_for_all(worker.barrier, worker.threads)
        if load_acquired(shift(worker.barrier, CANCELLED)) != 0:
            return False
        first += rows
    if system.is_uniform:
        multiply_columns(worker, system, system.products, 1.0, 1.0)
    return True


@linked(lambda t: types.boolean(worker_type(t), system_type(t), types.float64, types.float64, types.CPointer(t)))
def factorize(worker: Worker, system: System, beta: float, damping: float, g: Floats) -> bool:
    """The Cholesky factor of β G + D or of K, and of g the first half of the solution; False if it isn't positive."""
    if system.is_dual:
        fill_dual(worker, system, beta, damping, g)
    else:
        fill_primal(worker, system, beta, damping, g)
    wait_for_all(worker.barrier, worker.threads)
    size = size_of(system)
    is_positive = cholesky(
        size, size + 1, system.factor, system.factor_stride, system.inverses, system.scratch, worker.barrier,
        worker.thread, worker.threads,
    )  # fmt: skip
    return is_positive != 0


@inline
def size_of(system: System) -> int:
    return system.rows if system.is_dual else system.unknowns


@inline
def damped(system: System, i: int, damping: float) -> float:
    """D of an unknown."""
    return damping + np.float64(system.penalty[i])


@linked(lambda t: types.void(worker_type(t), system_type(t), types.float64, types.float64, types.CPointer(t)))
def fill_primal(worker: Worker, system: System, beta: float, damping: float, g: Floats) -> None:
    """β G + D and g."""
    scale_triangle(worker, system, system.unknowns, system.matrix, system.stride, beta)
    i = worker.thread
    while i < system.unknowns:
        system.factor[i * (system.factor_stride + 1)] += like(g, damped(system, i, damping))
        i += worker.threads
    if worker.thread == worker.threads - 1:
        into = shift(system.factor, system.unknowns * system.factor_stride)
        for j in range(system.unknowns):
            into[j] = g[j]


@inline
def scale_triangle(worker: Worker, system: System, size: int, source: Floats, stride: int, factor: float) -> None:
    """The lower triangle of a matrix, times a number. A thread has rows far apart, as later ones are longer."""
    i, times = worker.thread, like(source, factor)
    while i < size:
        of_row, into = shift(source, i * stride), shift(system.factor, i * system.factor_stride)
        for j in range(i + 1):
            into[j] = times * of_row[j]
        i += worker.threads


@linked(lambda t: types.void(worker_type(t), system_type(t), types.float64, types.float64, types.CPointer(t)))
def fill_dual(worker: Worker, system: System, beta: float, damping: float, g: Floats) -> None:
    """K and R D⁻¹ g."""
    size = system.rows
    if system.is_uniform:
        scale_triangle(worker, system, size, system.products, system.factor_stride, beta / damping)
        wait_for_all(worker.barrier, worker.threads)
    else:
        multiply_columns(worker, system, system.factor, beta, damping)
    top, bottom = partition(size, worker.thread, worker.threads)
    below = shift(system.factor, size * system.factor_stride)
    for i in range(top, bottom):
        system.factor[i * (system.factor_stride + 1)] += like(g, 1.0)
        below[i] = like(g, 0.0)
    for k in range(system.unknowns):
        source, factor = shift(system.matrix, k * system.stride), like(g, np.float64(g[k]) / damped(system, k, damping))
        for i in range(top, bottom):
            below[i] += factor * source[i]


@linked(lambda t: types.void(worker_type(t), system_type(t), types.CPointer(t), types.float64, types.float64))
def multiply_columns(worker: Worker, system: System, into: Floats, beta: float, damping: float) -> None:
    """β R D⁻¹ Rᵀ, or R Rᵀ if D is the same for all. A row of X is the column of R of an unknown, times √(β/D)."""
    first, size = 0, system.rows
    while first < system.unknowns:
        count = min(ROWS, system.unknowns - first)
        top, bottom = partition(count, worker.thread, worker.threads)
        for k in range(first + top, first + bottom):
            factor = 1.0 if system.is_uniform else np.sqrt(beta / damped(system, k, damping))
            source, times = shift(system.matrix, k * system.stride), like(into, factor)
            for i in range(size):
                worker.row[i] = times * source[i]
            put_row(system.block, k - first, worker.row, size, ROWS)
        wait_for_all(worker.barrier, worker.threads)
        epilogue = STORE if first == 0 else ADD
        add_gram(
            size, count, system.block, ROWS, into, system.factor_stride, epilogue, worker.thread, worker.threads
        )  # fmt: skip
        wait_for_all(worker.barrier, worker.threads)
        first += count


@linked(
    lambda t: types.void(
        worker_type(t), system_type(t), types.float64, types.float64, types.CPointer(t), types.CPointer(t)
    )
)
def solution(worker: Worker, system: System, beta: float, damping: float, g: Floats, s: Floats) -> None:
    """s, after `factorize` with the same numbers."""
    size = size_of(system)
    t = shift(system.factor, size * system.factor_stride)
    if worker.thread == 0:
        back_substitute(size, system.factor, system.factor_stride, t)
    wait_for_all(worker.barrier, worker.threads)
    top, bottom = partition(system.unknowns, worker.thread, worker.threads)
    for k in range(top, bottom):
        if system.is_dual:
            along = beta * dot(shift(system.matrix, k * system.stride), t, size)
            s[k] = like(s, (np.float64(g[k]) - along) / damped(system, k, damping))
        else:
            s[k] = t[k]
    wait_for_all(worker.barrier, worker.threads)


@inline
def effective_parameters(worker: Worker, system: System, damping: float) -> float:
    """γ = P − d tr (β G + d)⁻¹, after `factorize` with the damping d; with K, of M rows, M − tr K⁻¹."""
    size = size_of(system)
    trace = trace_of_inverse(
        size, system.factor, system.factor_stride, system.inverses, system.scratch, worker.barrier, worker.thread,
        worker.threads,
    )  # fmt: skip
    return size - (1.0 if system.is_dual else damping) * np.float64(trace)


@inline
def greatest_diagonal(system: System) -> float:
    """The greatest number on the diagonal of G."""
    greatest = 0.0
    for k in range(system.unknowns):
        if system.is_dual:
            column = shift(system.matrix, k * system.stride)
            greatest = max(greatest, dot(column, column, system.rows))
        else:
            greatest = max(greatest, np.float64(system.matrix[k * (system.stride + 1)]))
    return greatest
