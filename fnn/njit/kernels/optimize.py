"""Optimizers for jitted functions of others: a step, and a whole run.

Other than what is in `fnn.njit.kernels.entry_points`, these become part of the functions that call them: who uses no optimizer
need not wait for them.
"""

from typing import NamedTuple

from numba import types

from fnn.activations.kernels.dispatch import DESCRIPTOR_SIZE
from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, aligned, doubles, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.target import LINE, itemsize
from fnn.data.kernels.cases import CasePointers, copy, is_finite
from fnn.equations.kernels.backprop import transpose
from fnn.network.kernels.pack import copy_rows, pack_weights, unpack_weights
from fnn.network.kernels.plan import ONE, Net, rounded
from fnn.njit.kernels.arguments import (
    DIVERGED,
    FINE,
    MEMORY,
    NEEDS_ALL_CASES,
    OTHER_STATE,
    STATE_STRUCTURE,
    STRUCTURE,
    Matrix,
    Network,
    Problem,
    laid_out,
    matrix_type,
    network_type,
    problem_type,
    size_of,
)
from fnn.njit.kernels.entry_points import prepared
from fnn.njit.kernels.optimizer_words import NEEDS_ALL, RULE, START, STATES, fill_coefficients
from fnn.optimizers.kernels import abi
from fnn.training.kernels.barrier import SIZE
from fnn.training.kernels.descend import CAPACITY, CURSOR_SIZE, STOPPED, descend
from fnn.training.kernels.phases import UpdateRule

_STEPS = 256  # whose numbers are worked out at a time


class State(NamedTuple):
    """`OptimizerState`."""

    taken: int  # steps
    vectors: int
    itemsize: int
    spec: Integers  # of the vectors, if there are any
    flat: Floats  # the vectors, one behind the other


def state_type(t: types.Float) -> types.Type:
    """`State` as a Numba type."""
    i = types.int64

    return types.NamedTuple([i, i, i, types.CPointer(i), types.CPointer(t)], State)


@inline
def rule_of(words: Integers, w: Floats) -> int:
    """The address of the rule for what w points to."""
    return words[RULE + itemsize(w) // 8]


@inline
def is_same(one: Integers, other: Integers) -> bool:
    """Whether two networks have the same sizes and activations."""
    end, same = 2 + (1 + DESCRIPTOR_SIZE) * one[0], 0
    while same < end and one[same] == other[same]:
        same += 1
    return same == end


@inline
def begin(words: Integers, vectors: Floats, size: int) -> None:
    """The vectors of state before the first step."""
    value = doubles(words)
    for number in range(words[STATES]):
        for i in range(size):
            vectors[number * size + i] = like(vectors, value[START + number])


def begin_all(network: Network, words: Integers, vectors: Matrix[Floats], size: int) -> int:
    """The first state of a network with so many parameters."""
    begin(words, vectors.at, size)
    return FINE


def step_all(
    network: Network, grads: Network, words: Integers, state: State, into: Matrix[Floats], vectors: Matrix[Floats]
) -> int:
    """One step of whole networks; the new vectors of state into `vectors`."""
    w, spec = network.flat, network.spec
    if not is_same(spec, grads.spec):
        return STRUCTURE
    if state.vectors != words[STATES]:
        return OTHER_STATE
    if state.vectors > 0 and (state.itemsize != itemsize(w) or not is_same(spec, state.spec)):
        return STATE_STRUCTURE
    coefficients = allocate(w, abi.COEFFICIENTS)
    if is_null(coefficients):
        return MEMORY
    status = fill_coefficients(words, state.taken, coefficients)
    if status == FINE:
        copy(w, into.at, into.columns)
        copy(state.flat, vectors.at, state.vectors * into.columns)
        use(network, grads, rule_of(words, w), coefficients, into, vectors.at)
    release(coefficients)
    return status


@inline
def use(
    network: Network, grads: Network, rule: int, coefficients: Floats, into: Matrix[Floats], vectors: Floats
) -> None:  # fmt: skip
    """The rule for each W and each b."""
    spec, keep, of_rule, at = network.spec, coefficients[abi.KEEP], shift(coefficients, abi.RULE_COEFFICIENTS), 0
    keep_b = keep if coefficients[abi.KEEP_BIASES] != 0 else like(keep, 1.0)
    for leaf in range(2 * spec[0]):
        inputs, units, is_weight = size_of(spec, leaf // 2), size_of(spec, leaf // 2 + 1), leaf % 2 == 0
        count, kept = (inputs * units, keep) if is_weight else (units, keep_b)
        w, g, state = shift(into.at, at), shift(grads.flat, at), shift(vectors, at)
        abi.call_rule(rule, w, g, state, into.columns, of_rule, kept, count)
        at += count


def optimize_all(
    problem: Problem, words: Integers, phase: int, batch: int, seed: int, epochs: int, history: Matrix[Floats],
    into: Matrix[Floats], vectors: Matrix[Floats],
) -> tuple[int, int]:  # fmt: skip
    """The whole of a training run with an optimizer, by one thread: how many steps it was, and its status.

    `phase` is where `optimizer_phase` starts.
    """
    ready = prepared(problem, batch, seed, epochs, into)
    status, steps = ready.status, 0
    if status == FINE and words[NEEDS_ALL] and batch < ready.every.number:
        status = NEEDS_ALL_CASES
    if status == FINE:
        batch = min(batch, ready.every.number)
        steps = (ready.every.number + batch - 1) // batch * epochs
        begin(words, vectors.at, into.columns)
        status = run(problem, ready.every, ready.table, words, phase, batch, seed, steps, history.at, into, vectors.at)
    release(ready.every.order)
    release(ready.table)
    return steps, status


@inline
def run(
    problem: Problem, every: CasePointers, table: Integers, words: Integers, phase: int, batch: int, seed: int, steps: int,
    history: Floats, into: Matrix[Floats], vectors: Floats,
) -> int:  # fmt: skip
    """Pack, take steps, unpack."""
    flat, capacity = problem.network.flat, min(batch, CAPACITY)
    sizes = laid_out(problem.network, capacity, True, table)
    stride = rounded(sizes.weights, LINE)
    # One behind the other: the weights, a gradient, the vectors of state, and the workspace.
    memory = allocate(flat, (2 + words[STATES]) * stride + sizes.whole + LINE)
    cursor, sums, descriptor = (
        allocate(table, CURSOR_SIZE + SIZE),
        allocate(history, 2),
        allocate(table, abi.DESCRIPTOR_SIZE),
    )
    coefficients = allocate(flat, _STEPS * abi.COEFFICIENTS)
    status = MEMORY
    if not (is_null(memory) or is_null(cursor) or is_null(sums) or is_null(descriptor) or is_null(coefficients)):
        weights = aligned(memory)
        gradient_buffer, state = shift(weights, stride), shift(weights, 2 * stride)
        net = Net(problem.network.spec[0], table, weights, shift(state, words[STATES] * stride))
        descriptor[abi.RULE], descriptor[abi.STRIDE], descriptor[abi.MASK] = rule_of(words, flat), stride, -1
        descriptor[abi.ROWS_PHASE] = phase
        pack_weights(net, flat)
        copy_state(net, words[STATES], state, stride, vectors, into.columns, True)
        net.space[ONE] = like(flat, 1.0)
        transpose(net, 2, 0, 1)
        descent = UpdateRule(0, phase, descriptor, state, coefficients, abi.COEFFICIENTS)
        taken, status = 0, FINE
        while taken < steps and status == FINE:
            count = min(steps - taken, _STEPS)
            for i in range(count):
                if status == FINE:
                    status = fill_coefficients(words, taken + i, shift(coefficients, i * abi.COEFFICIENTS))
            if status == FINE:
                descend(
                    0, 1, shift(cursor, CURSOR_SIZE), net, capacity, gradient_buffer, every, problem.loss, problem.mean, descent, batch,
                    seed, count, cursor, sums, history, cursor, False,
                )  # fmt: skip
                status = DIVERGED if cursor[STOPPED] != 0 else FINE
            taken += count
        unpack_weights(net, into.at)
        copy_state(net, words[STATES], state, stride, vectors, into.columns, False)
        if status == FINE and not is_finite(into.at, into.columns):
            status = DIVERGED
    release(memory)
    release(cursor)
    release(sums)
    release(descriptor)
    release(coefficients)
    return status


@inline
def copy_state(
    net: Net, count: int, packed: Floats, stride: int, compact: Floats, size: int, packing: bool
) -> None:  # fmt: skip
    """Pack or unpack the vectors of state."""
    for number in range(count):
        as_weights = Net(net.layers, net.table, shift(packed, number * stride), net.space)
        copy_rows(as_weights, shift(compact, number * size), packing)


_I, _WORDS = types.int64, types.CPointer(types.int64)

BEGIN = OnDemand(begin_all, lambda t: _I(network_type(t), _WORDS, matrix_type(t), _I))
STEP = OnDemand(
    step_all, lambda t: _I(network_type(t), network_type(t), _WORDS, state_type(t), matrix_type(t), matrix_type(t))
)
OPTIMIZE = OnDemand(
    optimize_all,
    lambda t: types.UniTuple(_I, 2)(
        problem_type(t), _WORDS, _I, _I, _I, _I, matrix_type(types.float64), matrix_type(t), matrix_type(t)
    ),
)  # fmt: skip
