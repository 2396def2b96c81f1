"""The compiled loop of L-BFGS: all threads evaluate the objective, the first one does the rest, behind barriers."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.barrier import CANCELLED, load_acquired, wait_for_all
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import Labels, Reals, Weights, cases_of
from fnn.equations.kernels.backprop import GRADIENT
from fnn.network.kernels.plan import net_of
from fnn.numerics.dot import dot
from fnn.training.kernels.sharded.shards import unit_of
from fnn.training.kernels.solvers import lbfgs
from fnn.training.kernels.solvers.cursor import ENDING, EPOCH, LINE_SEARCH, MIN_GRADIENT, NO_RULE, READY, STOPPED
from fnn.training.kernels.solvers.full_batch import add_penalty, objective
from fnn.training.kernels.solvers.lbfgs import (
    COMPLETE,
    EVALUATE,
    EVALUATIONS,
    FAILED,
    Memory,
    advance,
    go_back,
    memory_of,
    read_pairs,
)

# A word beside those of `Memory`, what all threads do next: EVALUATE, or anything else to end the call.
ACTION: Final = lbfgs.WORDS
WORDS: Final = lbfgs.WORDS + 1

# What is told of each epoch: ‖∂E/∂(W, b)‖ after it, how often E was evaluated, and the greatest |∂E/∂w| after it.
TOLD_GRADIENT, TOLD_EVALUATIONS, TOLD_SLOPE = range(3)


class Record(NamedTuple):
    """Where a run stands, and what it writes down."""

    cursor: Integers
    values: Floats  # of the present parameters: E with its penalty; the error per case
    history: Floats
    told: Floats  # (3, epochs)
    told_stride: int
    end: int  # the epoch after the last one of the call
    least: float  # the norm of a gradient at which the run ends


@kernel(
    lambda t: types.void(
        types.int64, types.int64, output(types.int64), array(types.int64), output(t), output(t), types.int64,
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, array(types.int64),
        types.int64, types.boolean, types.float64, array(t), output(t, 2), output(t, 2), output(types.float64),
        output(types.int64), output(types.int64), output(types.float64), types.int64, types.float64,
        output(types.float64), output(types.float64, 2), types.int64,
    )
)  # fmt: skip
def lbfgs_kernel(
    thread: int, threads: int, barrier: npt.NDArray[np.int64], table: npt.NDArray[np.int64], flat: Reals,
    space: Reals, capacity: int, x: Reals, y: Reals, labels: Labels, case_weights: Weights, sources: int,
    chosen: Labels, loss: int, mean: bool, l2: float, mask: Reals, pairs: Reals, work: Reals, numbers: Weights,
    words: npt.NDArray[np.int64], cursor: npt.NDArray[np.int64], values: Weights, epochs: int, least: float,
    history: Weights, told: Weights, shards: int,
) -> None:  # fmt: skip
    """Iterate in place, `epochs` times; fewer after an interrupt, if a rule ends the run, or if E isn't finite.

    An iteration that is interrupted leaves no trace. `chosen` are the only cases that count, or empty; the mask is
    empty if there is none. `shards` is an address or 0. For the other arrays see `Memory` and `Record`.
    """
    net, memory = net_of(table, flat, space), memory_of(flat, pairs, work, numbers, words)
    cases = cases_of(x, y, labels, case_weights, chosen, sources, chosen.size)
    at = Record(
        pointer(cursor), pointer(values), pointer(history), pointer(told), told.shape[1], cursor[EPOCH] + epochs, least
    )
    scale, unit = unit_of(cases, mean, shards), unit_of(cases, True, shards)
    if thread == 0:
        words[ACTION] = begin_epoch(memory, at) if cursor[READY] != 0 else EVALUATE
    wait_for_all(pointer(barrier), threads)
    while words[ACTION] == EVALUATE:
        error = objective(
            thread, threads, pointer(barrier), net, capacity, capacity, cases, loss, scale, GRADIENT,
            memory.gradient, shards,
        )  # fmt: skip
        if load_acquired(shift(pointer(barrier), CANCELLED)) != 0:
            if thread == 0:
                go_back(memory)
            break
        if thread == 0:
            value = error + add_penalty(net, l2, pointer(mask), mask.size > 0, memory.gradient)
            words[ACTION] = take(memory, at, value, error if mean else error * unit)
        wait_for_all(pointer(barrier), threads)


@inline
def take(memory: Memory, at: Record, value: float, error: float) -> int:
    """Use an evaluation; returns the next action."""
    code = COMPLETE
    if at.cursor[READY] == 0:
        at.cursor[READY], at.values[0], at.values[1] = 1, value, error
        read_pairs(memory)
        if not (np.isfinite(value) and np.isfinite(norm(memory))):
            at.cursor[STOPPED] = 1
            return COMPLETE
        if norm(memory) > at.least:
            return begin_epoch(memory, at)
        memory.words[EVALUATIONS] = 0
    else:
        code = advance(memory, value)
        if code == EVALUATE:
            return EVALUATE
        if code == COMPLETE:
            at.values[0], at.values[1] = value, error
    end_epoch(memory, at, LINE_SEARCH if code == FAILED else MIN_GRADIENT if norm(memory) <= at.least else NO_RULE)
    return COMPLETE if at.cursor[ENDING] != NO_RULE else begin_epoch(memory, at)


@inline
def begin_epoch(memory: Memory, at: Record) -> int:
    """Begin an iteration, if one is left; returns the next action."""
    if at.cursor[EPOCH] == at.end:
        return COMPLETE
    code = advance(memory, at.values[0])
    if code == FAILED:
        end_epoch(memory, at, LINE_SEARCH)
    return code


@inline
def end_epoch(memory: Memory, at: Record, ending: int) -> None:
    """Write down an iteration, and the rule that ends the run with it."""
    epoch = at.cursor[EPOCH]
    at.history[epoch] = at.values[1]
    at.told[TOLD_GRADIENT * at.told_stride + epoch] = norm(memory)
    at.told[TOLD_EVALUATIONS * at.told_stride + epoch] = memory.words[EVALUATIONS]
    at.told[TOLD_SLOPE * at.told_stride + epoch] = greatest_slope(memory)
    at.cursor[EPOCH], at.cursor[ENDING] = epoch + 1, ending


@inline
def greatest_slope(memory: Memory) -> float:
    """The greatest |∂E/∂w|."""
    greatest = 0.0
    for i in range(memory.size):
        greatest = max(greatest, abs(1.0 * memory.gradient[i]))
    return greatest


@inline
def norm(memory: Memory) -> float:
    """‖∂E/∂(W, b)‖."""
    return math.sqrt(dot(memory.gradient, memory.gradient, memory.size))
