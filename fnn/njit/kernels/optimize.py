"""Optimizers for jitted functions of others: a step, and a whole run.

Other than what is in `fnn.njit.kernels.entry_points`, these become part of the functions that call them: who uses no optimizer
need not wait for them.
"""

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types

from fnn.activations.kernels.dispatch import NUMBERS
from fnn.compiler.intrinsics import LINE, Floats, Integers, aligned, doubles, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.options import inline, intrinsic
from fnn.data.kernels.cases import Cases, copy, is_finite
from fnn.equations.kernels.backprop import transpose
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
from fnn.njit.kernels.optimizer_words import NEEDS_ALL, RULE, START, STATES, fill_numbers
from fnn.optimizers.kernels import abi
from fnn.training.kernels.barrier import SIZE
from fnn.training.kernels.descend import HANDS, ROOM, STOPPED, descend, relay_weights
from fnn.training.kernels.phases import Method

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


@intrinsic
def itemsize_of(typingctx: Any, p: Any) -> Any:
    """The bytes of what p points to. A constant when compiled."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(ir.IntType(64), p.dtype.bitwidth // 8)

    return types.int64(p), codegen


@inline
def rule_of(recipe: Integers, w: Floats) -> int:
    """The address of the rule for what w points to."""
    return recipe[RULE + itemsize_of(w) // 8]


@inline
def is_same(one: Integers, other: Integers) -> bool:
    """Whether two networks have the same sizes and activations."""
    end, same = 2 + (1 + NUMBERS) * one[0], 0
    while same < end and one[same] == other[same]:
        same += 1
    return same == end


@inline
def begin(recipe: Integers, vectors: Floats, size: int) -> None:
    """The vectors of state before the first step."""
    value = doubles(recipe)
    for number in range(recipe[STATES]):
        for i in range(size):
            vectors[number * size + i] = like(vectors, value[START + number])


def begin_all(network: Network, recipe: Integers, vectors: Matrix[Floats], size: int) -> int:
    """The first state of a network with so many parameters."""
    begin(recipe, vectors.at, size)
    return FINE


def step_all(
    network: Network, grads: Network, recipe: Integers, state: State, into: Matrix[Floats], vectors: Matrix[Floats]
) -> int:
    """One step of whole networks; the new vectors of state into `vectors`."""
    w, spec = network.flat, network.spec
    if not is_same(spec, grads.spec):
        return STRUCTURE
    if state.vectors != recipe[STATES]:
        return OTHER_STATE
    if state.vectors > 0 and (state.itemsize != itemsize_of(w) or not is_same(spec, state.spec)):
        return STATE_STRUCTURE
    numbers = allocate(w, abi.NUMBERS)
    if is_null(numbers):
        return MEMORY
    status = fill_numbers(recipe, state.taken, numbers)
    if status == FINE:
        copy(w, into.at, into.columns)
        copy(state.flat, vectors.at, state.vectors * into.columns)
        use(network, grads, rule_of(recipe, w), numbers, into, vectors.at)
    release(numbers)
    return status


@inline
def use(
    network: Network, grads: Network, rule: int, numbers: Floats, into: Matrix[Floats], vectors: Floats
) -> None:  # fmt: skip
    """The rule for each W and each b."""
    spec, keep, of_rule, at = network.spec, numbers[abi.KEEP], shift(numbers, abi.OF_RULE), 0
    keep_b = keep if numbers[abi.KEEP_BIASES] != 0 else like(keep, 1.0)
    for leaf in range(2 * spec[0]):
        inputs, units, is_weight = size_of(spec, leaf // 2), size_of(spec, leaf // 2 + 1), leaf % 2 == 0
        count, kept = (inputs * units, keep) if is_weight else (units, keep_b)
        w, g, state = shift(into.at, at), shift(grads.flat, at), shift(vectors, at)
        abi.call_rule(rule, w, g, state, into.columns, of_rule, kept, count)
        at += count


def optimize_all(
    problem: Problem, recipe: Integers, phase: int, batch: int, seed: int, epochs: int, history: Matrix[Floats],
    into: Matrix[Floats], vectors: Matrix[Floats],
) -> tuple[int, int]:  # fmt: skip
    """The whole of a training run with an optimizer, by one thread: how many steps it was, and its status.

    `phase` is where `rule_phase` starts.
    """
    ready = prepared(problem, batch, seed, epochs, into)
    status, steps = ready.status, 0
    if status == FINE and recipe[NEEDS_ALL] and batch < ready.every.number:
        status = NEEDS_ALL_CASES
    if status == FINE:
        batch = min(batch, ready.every.number)
        steps = (ready.every.number + batch - 1) // batch * epochs
        begin(recipe, vectors.at, into.columns)
        status = run(problem, ready.every, ready.table, recipe, phase, batch, seed, steps, history.at, into, vectors.at)
    release(ready.every.order)
    release(ready.table)
    return steps, status


@inline
def run(
    problem: Problem, every: Cases, table: Integers, recipe: Integers, phase: int, batch: int, seed: int, steps: int,
    history: Floats, into: Matrix[Floats], vectors: Floats,
) -> int:  # fmt: skip
    """Pack, take steps, unpack."""
    flat, room = problem.network.flat, min(batch, ROOM)
    sizes = laid_out(problem.network, room, True, table)
    stride = rounded(sizes.weights, LINE)
    # One behind the other: the weights, a gradient, the vectors of state, and the workspace.
    memory = allocate(flat, (2 + recipe[STATES]) * stride + sizes.whole + LINE)
    clock, sums, places = allocate(table, HANDS + SIZE), allocate(history, 2), allocate(table, abi.PLACES)
    numbers = allocate(flat, _STEPS * abi.NUMBERS)
    status = MEMORY
    if not (is_null(memory) or is_null(clock) or is_null(sums) or is_null(places) or is_null(numbers)):
        weights = aligned(memory)
        large, state = shift(weights, stride), shift(weights, 2 * stride)
        net = Net(problem.network.spec[0], table, weights, shift(state, recipe[STATES] * stride))
        places[abi.RULE], places[abi.STRIDE], places[abi.MASK] = rule_of(recipe, flat), stride, -1
        places[abi.ROWS_PHASE] = phase
        relay_weights(net, flat, True)
        relay_state(net, recipe[STATES], state, stride, vectors, into.columns, True)
        net.space[ONE] = like(flat, 1.0)
        transpose(net, 2, 0, 1)
        descent = Method(0, phase, places, state, numbers, abi.NUMBERS)
        taken, status = 0, FINE
        while taken < steps and status == FINE:
            count = min(steps - taken, _STEPS)
            for i in range(count):
                if status == FINE:
                    status = fill_numbers(recipe, taken + i, shift(numbers, i * abi.NUMBERS))
            if status == FINE:
                descend(
                    0, 1, shift(clock, HANDS), net, room, large, every, problem.loss, problem.mean, descent, batch,
                    seed, count, clock, sums, history, clock, False,
                )  # fmt: skip
                status = DIVERGED if clock[STOPPED] != 0 else FINE
            taken += count
        relay_weights(net, into.at, False)
        relay_state(net, recipe[STATES], state, stride, vectors, into.columns, False)
        if status == FINE and not is_finite(into.at, into.columns):
            status = DIVERGED
    release(memory)
    release(clock)
    release(sums)
    release(places)
    release(numbers)
    return status


@inline
def relay_state(
    net: Net, count: int, packed: Floats, stride: int, compact: Floats, size: int, packing: bool
) -> None:  # fmt: skip
    """`relay_weights` for the vectors of state."""
    for number in range(count):
        as_weights = Net(net.layers, net.table, shift(packed, number * stride), net.space)
        relay_weights(as_weights, shift(compact, number * size), packing)


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
