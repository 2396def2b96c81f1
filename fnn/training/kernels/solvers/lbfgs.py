"""L-BFGS (Nocedal 1980; Liu and Nocedal 1989), as a machine that tells where to evaluate the objective next.

    d = −H g,  the two-loop recursion over the pairs s = w(t+1) − w(t), y = g(t+1) − g(t), from H₀ = γ I, γ = sᵀy / yᵀy

A pair is refused where sᵀy ≤ ε (−gᵀs), which would make H indefinite, as in L-BFGS-B (Zhu, Byrd, Lu, Nocedal 1997). The
first step along −g, without pairs, has the length 1, so that E may be multiplied by any number. Inner products are
float64 (`fnn.numerics.dot`); all of this is done by one thread.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, fma, like, pointer, shift
from fnn.compiler.kernel import kernel, output
from fnn.compiler.linking import linked
from fnn.data.kernels.cases import Reals, Weights, copy
from fnn.numerics.dot import dot
from fnn.training.kernels.solvers import line_search
from fnn.training.kernels.solvers.line_search import LONGEST, START, START_SLOPE, STEP, begin, search

# What `advance` says: evaluate E and its gradient at the present parameters; an iteration is complete, and they are its
# result; no step reduces E, and they are again those before the iteration.
EVALUATE, COMPLETE, FAILED = range(3)

# The rows of the work space, each like the parameters: the gradient at the present parameters; both as they were at the
# start of the iteration; the direction.
GRADIENT_ROW, FLAT_BEFORE, GRADIENT_BEFORE, DIRECTION, WORK_ROWS = range(5)

# The words: whether a line search is going on; the place of the newest pair in the ring of pairs; whether this
# iteration has given up the pairs; its evaluations.
SEARCHES, NEWEST, RESTARTED, EVALUATIONS, WORDS = range(5)

OF_PAIR: Final = 3  # numbers of each pair, after the state of the line search:
PRODUCT, SQUARE, ALPHA = range(OF_PAIR)  # sᵀy, 0 where there is no pair; yᵀy; α of the recursion

_EPSILON: Final = 2.0**-52


class Memory(NamedTuple):
    """What the method works on, in the memory of its caller; vectors like the parameters, `size` numbers each."""

    flat: Floats  # the present parameters
    gradient: Floats
    flat_before: Floats
    gradient_before: Floats
    direction: Floats
    pairs: Floats  # (2 · history, size): s, y, s, y, .., a ring; zeros are none
    size: int
    history: int
    numbers: Floats  # float64: the line search, then OF_PAIR for each pair
    words: Integers


def memory_type(dtype: types.Float) -> types.Type:
    """`Memory` as a Numba type."""
    vectors, counts = [types.CPointer(dtype)] * 6, [types.int64] * 2

    return types.NamedTuple([*vectors, *counts, types.CPointer(types.float64), types.CPointer(types.int64)], Memory)


def numbers_of(history: int) -> int:
    """The size of `Memory.numbers`."""
    return line_search.SIZE + OF_PAIR * history


@inline
def memory_of(flat: Reals, pairs: Reals, work: Reals, numbers: Weights, words: npt.NDArray[np.int64]) -> Memory:
    row, stride = pointer(work), work.shape[1]
    return Memory(
        pointer(flat), row, shift(row, FLAT_BEFORE * stride), shift(row, GRADIENT_BEFORE * stride),
        shift(row, DIRECTION * stride), pointer(pairs), flat.size, pairs.shape[0] // 2, pointer(numbers),
        pointer(words),
    )  # fmt: skip


@inline
def pair(memory: Memory, age: int) -> tuple[Floats, Floats, Floats]:
    """s, y and the numbers of a pair; the newest has the age 0."""
    place = (memory.words[NEWEST] + age) % memory.history
    s = shift(memory.pairs, 2 * place * memory.size)
    return s, shift(s, memory.size), shift(memory.numbers, line_search.SIZE + OF_PAIR * place)


@inline
def add_scaled(into: Floats, factor: float, x: Floats, count: int) -> None:
    for i in range(count):
        into[i] = fma(like(into, factor), x[i], into[i])


@linked(lambda t: types.void(memory_type(t)))
def read_pairs(memory: Memory) -> None:
    """Work out the numbers of the pairs from their vectors; a pair of zeros is none."""
    for age in range(memory.history):
        s, y, numbers = pair(memory, age)
        numbers[PRODUCT], numbers[SQUARE] = dot(s, y, memory.size), dot(y, y, memory.size)


@linked(lambda t: types.int64(memory_type(t), types.float64))
def advance(memory: Memory, value: float) -> int:
    """Go on, given E at the present parameters, whose gradient is in its row; see the codes.

    At the start, or after an iteration, the next one begins.
    """
    if memory.words[SEARCHES] == 0:
        copy(memory.flat, memory.flat_before, memory.size)
        copy(memory.gradient, memory.gradient_before, memory.size)
        memory.words[SEARCHES], memory.words[RESTARTED] = 1, 0
        memory.words[EVALUATIONS] = 0
        return try_direction(memory, value)
    memory.words[EVALUATIONS] += 1
    numbers, slope = memory.numbers, dot(memory.gradient, memory.direction, memory.size)
    found = search(numbers, value, slope)
    if found == line_search.EVALUATE:
        take_step(memory)
        return EVALUATE
    if is_progress(memory, value, slope):
        store_pair(memory)
        memory.words[SEARCHES] = 0
        return COMPLETE
    if memory.words[RESTARTED] != 0 or number_of_pairs(memory) == 0:
        go_back(memory)
        return FAILED
    memory.words[RESTARTED] = 1
    return try_direction(memory, numbers[START])


@inline
def try_direction(memory: Memory, value: float) -> int:
    """Begin a line search from the start of the iteration."""
    d, count = memory.direction, memory.size
    while True:
        uses_pairs = memory.words[RESTARTED] == 0 and number_of_pairs(memory) > 0
        find_direction(memory, uses_pairs)
        slope, square = dot(memory.gradient_before, d, count), dot(d, d, count)
        if slope < 0 and np.isfinite(slope) and np.isfinite(square):
            begin(memory.numbers, value, slope, 1.0 if uses_pairs else min(1.0 / math.sqrt(square), LONGEST))
            take_step(memory)
            return EVALUATE
        if not uses_pairs:
            go_back(memory)
            return FAILED
        memory.words[RESTARTED] = 1


@inline
def number_of_pairs(memory: Memory) -> int:
    found = 0
    for age in range(memory.history):
        _, _, numbers = pair(memory, age)
        found += numbers[PRODUCT] > 0
    return found


@linked(lambda t: types.void(memory_type(t), types.boolean))
def find_direction(memory: Memory, uses_pairs: bool) -> None:
    """d = −H g by the two-loop recursion, or −g."""
    d, g, count = memory.direction, memory.gradient_before, memory.size
    gamma = 0.0
    for i in range(count):
        d[i] = -g[i]
    for age in range(memory.history if uses_pairs else 0):
        s, y, numbers = pair(memory, age)
        if numbers[PRODUCT] > 0:
            numbers[ALPHA] = dot(s, d, count) / numbers[PRODUCT]
            add_scaled(d, -numbers[ALPHA], y, count)
            if gamma == 0:
                gamma = numbers[PRODUCT] / numbers[SQUARE]
    for i in range(count if uses_pairs else 0):
        d[i] *= like(d, gamma)
    for age in range(memory.history - 1 if uses_pairs else -1, -1, -1):
        s, y, numbers = pair(memory, age)
        if numbers[PRODUCT] > 0:
            beta = dot(y, d, count) / numbers[PRODUCT]
            add_scaled(d, numbers[ALPHA] - beta, s, count)


@inline
def take_step(memory: Memory) -> None:
    """w = w₀ + step · d."""
    flat, before, d = memory.flat, memory.flat_before, memory.direction
    step = like(flat, memory.numbers[STEP])
    for i in range(memory.size):
        flat[i] = fma(step, d[i], before[i])


@inline
def is_progress(memory: Memory, value: float, slope: float) -> bool:
    """Whether E is lower than before or, if only rounding separates them, its gradient."""
    if not (value <= memory.numbers[START] and np.isfinite(slope)):
        return False
    square = dot(memory.gradient, memory.gradient, memory.size)
    before = dot(memory.gradient_before, memory.gradient_before, memory.size)
    return np.isfinite(square) and (value < memory.numbers[START] or square < before)


@inline
def store_pair(memory: Memory) -> None:
    """Put s and y in the place of the oldest pair, unless they are refused."""
    words, count, decrease = memory.words, memory.size, -memory.numbers[STEP] * memory.numbers[START_SLOPE]
    if words[RESTARTED] != 0:
        forget_pairs(memory)
    s, y = memory.flat_before, memory.gradient_before  # of which the next iteration makes copies anew
    for i in range(count):
        s[i], y[i] = memory.flat[i] - s[i], memory.gradient[i] - y[i]
    curvature, square = dot(s, y, count), dot(y, y, count)
    if curvature > _EPSILON * decrease and curvature < np.inf and square < np.inf:
        words[NEWEST] = (words[NEWEST] + memory.history - 1) % memory.history
        s_place, y_place, numbers = pair(memory, 0)
        copy(s, s_place, count)
        copy(y, y_place, count)
        numbers[PRODUCT], numbers[SQUARE] = curvature, square


@linked(lambda t: types.void(memory_type(t)))
def forget_pairs(memory: Memory) -> None:
    """Write zeros."""
    for age in range(memory.history):
        s, y, numbers = pair(memory, age)
        numbers[PRODUCT] = 0.0
        for i in range(memory.size):
            s[i] = y[i] = like(s, 0.0)


@inline
def go_back(memory: Memory) -> None:
    """To the start of an iteration that hasn't ended: neither its pairs nor their numbers have changed."""
    if memory.words[SEARCHES] != 0:
        copy(memory.flat_before, memory.flat, memory.size)
        copy(memory.gradient_before, memory.gradient, memory.size)
        memory.words[SEARCHES] = 0


@kernel(
    lambda t: types.int64(
        output(t), output(t, 2), output(t, 2), output(types.float64), output(types.int64), types.float64, types.boolean
    )
)
def advance_kernel(
    flat: Reals, pairs: Reals, work: Reals, numbers: Weights, words: npt.NDArray[np.int64], value: float, reading: bool
) -> int:
    """`advance`, for functions that aren't networks; `reading`: the pairs come from elsewhere."""
    memory = memory_of(flat, pairs, work, numbers, words)
    if reading:
        read_pairs(memory)
    return advance(memory, value)
