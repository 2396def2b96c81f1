"""Optimizers for jitted functions of a user: a step, and a whole run.

Other than what is in `fnn.njit.kernels.entry_points`, these become part of the functions that call them, so that other
functions don't wait for their compilation.
"""

from typing import Final, NamedTuple

from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, doubles, like, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.memory import allocate, is_null, release
from fnn.compiler.target import itemsize
from fnn.data.kernels.cases import CasePointers, copy
from fnn.data.kernels.faults import FINE, MEMORY, NEEDS_ALL_CASES, OTHER_STATE, STATE_STRUCTURE, STRUCTURE
from fnn.network.kernels.pack import copy_rows
from fnn.network.kernels.plan import Net
from fnn.network.kernels.spec import Network, network_type
from fnn.njit.kernels.arguments import Matrix, Problem, is_same, matrix_type, problem_type
from fnn.njit.kernels.optimizer_words import MODIFIED, NEEDS_ALL, PHASE, RULE, START, STATES, fill_coefficients
from fnn.njit.kernels.run import Run, begin_run, end_run, prepare_run, take_steps
from fnn.optimizers.kernels import abi
from fnn.optimizers.kernels.apply import call_step, plain_step

_STEPS: Final = 256  # whose coefficients are computed at a time


class State(NamedTuple):
    """`OptimizerState`."""

    taken: int  # steps
    vectors: int
    itemsize: int
    spec: Integers  # of the vectors, if there are any
    flat: Floats  # the vectors, one behind the other


def state_type(t: types.Float) -> types.Type:
    i = types.int64

    return types.NamedTuple([i, i, i, types.CPointer(i), types.CPointer(t)], State)


@inline
def code_at(words: Integers, at: int, w: Floats) -> int:
    """The address for what w points to, of the two at a word."""
    return words[at + itemsize(w) // 8]


def begin_all(network: Network, words: Integers, vectors: Matrix[Floats], size: int) -> int:
    """The vectors of state, of `size` elements each, before the first step."""
    value = doubles(words)
    for number in range(words[STATES]):
        for i in range(size):
            vectors.at[number * size + i] = like(vectors.at, value[START + number])
    return FINE


_begin_all = inline(begin_all)


@inline
def state_fault(network: Network, words: Integers, state: State) -> int:
    """The fault of a state that isn't one of this optimizer for this network, or FINE."""
    if state.vectors != words[STATES]:
        return OTHER_STATE
    is_like_params = state.itemsize == itemsize(network.flat) and is_same(network.spec, state.spec)
    return FINE if state.vectors == 0 or is_like_params else STATE_STRUCTURE


def step_all(
    network: Network, grads: Network, words: Integers, state: State, into: Matrix[Floats], vectors: Matrix[Floats]
) -> int:
    """One step of whole networks; the new vectors of state into `vectors`."""
    w, spec, count = network.flat, network.spec, into.columns
    if not is_same(spec, grads.spec):
        return STRUCTURE
    status = state_fault(network, words, state)
    if status != FINE:
        return status
    coefficients = allocate(w, abi.COEFFICIENTS)
    status = MEMORY if is_null(coefficients) else fill_coefficients(words, state.taken, coefficients)
    if status == FINE:
        copy(w, into.at, count)
        copy(state.flat, vectors.at, state.vectors * count)
        status = take_step(network, grads.flat, words, coefficients, into, vectors.at)
    release(coefficients)
    return status


@inline
def take_step(
    network: Network, dE_dw: Floats, words: Integers, coefficients: Floats, into: Matrix[Floats], vectors: Floats
) -> int:
    """`Optimizer.update` of compact parameters, in place."""
    layers, sizes, w, count = network.spec[0], shift(network.spec, 1), into.at, into.columns
    rule, step = code_at(words, RULE, w), code_at(words, MODIFIED, w)
    if step == 0:
        plain_step(sizes, layers, rule, coefficients, w, dE_dw, vectors, count)
        return FINE
    g, squares = allocate(w, count), allocate(doubles(w), count)
    has_memory = not (is_null(g) or is_null(squares))
    if has_memory:
        copy(dE_dw, g, count)
        call_step(step, sizes, layers, rule, coefficients, w, g, vectors, count, squares)
    release(g)
    release(squares)
    return FINE if has_memory else MEMORY


def optimize_all(
    problem: Problem, words: Integers, phase: int, state: State, batch: int, seed: int, epochs: int,
    history: Matrix[Floats], into: Matrix[Floats], vectors: Matrix[Floats],
) -> tuple[int, int]:  # fmt: skip
    """A whole training run with an optimizer: the number of steps, and its status.

    `phase` is the address of `optimizer_phase`, for optimizers that do no more than their rule. A state without a spec
    is none: the run begins with the optimizer's first state.
    """
    ready = prepare_run(problem, batch, seed, epochs, into)
    every, status, steps = ready.every, ready.status, 0
    if status == FINE and words[NEEDS_ALL] and batch < every.number:
        status = NEEDS_ALL_CASES
    if status == FINE and not is_null(state.spec):
        status = state_fault(problem.network, words, state)
    if status == FINE:
        batch = min(batch, every.number)
        steps = (every.number + batch - 1) // batch * epochs
        if is_null(state.spec):
            _begin_all(problem.network, words, vectors, into.columns)
        else:
            copy(state.flat, vectors.at, state.vectors * into.columns)
        modified = code_at(words, PHASE, into.at)  # which sums squares behind the state
        run = begin_run(problem, ready.table, batch, True, words[STATES] + (modified != 0), _STEPS, history.at)
        status = run.status
        if status == FINE:
            copy_state(run, words[STATES], vectors.at, into.columns, True)
            phase = modified if modified != 0 else phase
            status = take_all_steps(run, problem, every, words, phase, state.taken, batch, seed, steps, history.at)
            copy_state(run, words[STATES], vectors.at, into.columns, False)
        status = end_run(run, status, into)
    release(every.order)
    release(ready.table)
    return state.taken + steps, status


@inline
def take_all_steps(
    run: Run, problem: Problem, every: CasePointers, words: Integers, phase: int, before: int, batch: int, seed: int,
    steps: int, history: Floats,
) -> int:  # fmt: skip
    """Compute the coefficients of some steps and take them, until all steps are done; `before` steps came before."""
    run.descriptor[abi.RULE], run.descriptor[abi.STRIDE] = code_at(words, RULE, run.gradient), run.stride
    run.descriptor[abi.MASK] = words[STATES] - 1  # there is no mask: the sums of squares lie behind the state
    taken, status = 0, FINE
    while taken < steps and status == FINE:
        count = min(steps - taken, _STEPS)
        for i in range(count):
            if status == FINE:
                status = fill_coefficients(words, before + taken + i, shift(run.coefficients, i * abi.COEFFICIENTS))
        if status == FINE:
            status = take_steps(run, problem, every, phase, abi.COEFFICIENTS, batch, seed, count, history)
        taken += count
    return status


@inline
def copy_state(run: Run, count: int, vectors: Floats, size: int, packing: bool) -> None:
    """Pack or unpack `count` vectors of state."""
    for number in range(count):
        as_weights = Net(run.net.layers, run.net.table, shift(run.vectors, number * run.stride), run.net.space)
        copy_rows(as_weights, shift(vectors, number * size), packing)


_I, _WORDS = types.int64, types.CPointer(types.int64)

BEGIN = OnDemand(begin_all, lambda t: _I(network_type(t), _WORDS, matrix_type(t), _I))
STEP = OnDemand(
    step_all, lambda t: _I(network_type(t), network_type(t), _WORDS, state_type(t), matrix_type(t), matrix_type(t))
)
OPTIMIZE = OnDemand(
    optimize_all,
    lambda t: types.UniTuple(_I, 2)(
        problem_type(t), _WORDS, _I, state_type(t), _I, _I, _I, matrix_type(types.float64), *[matrix_type(t)] * 2
    ),
)  # fmt: skip
