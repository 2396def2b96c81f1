"""The coefficients of a step, for jitted functions of a user, which can't ask Python for them.

An optimizer is an array of 64-bit words, floats by their bits; `fnn.njit.optimizer_words` writes it. The arithmetic is
that of `fnn.optimizers.library`, `fnn.optimizers.schedules` and `fnn.numerics.powers`, operation by operation, so that
the bits are the same.
"""

import math
from typing import Final

import numpy as np

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, doubles, like, shift
from fnn.data.kernels.faults import BEYOND, FINE, RATE
from fnn.numerics.powers import BLOCK, by_squaring
from fnn.optimizers.kernels import abi

# The words: the addresses, for float32 and for float64, of the rule, of `modified_step` and of `regularized_phase`, the
# last two 0 where an optimizer does no more than its rule; the number of vectors of state; whether every step needs all
# cases; which coefficients of the rule follow from η, and which is Adam's root; which coefficient of a step must be
# above 0, such as ε; the first value of each vector of state; the coefficients of a step, but for those that change;
# and the schedule.
RULE, MODIFIED, PHASE, STATES, NEEDS_ALL, FORMULA, ROOT_AT, ABOVE_0, START = 0, 2, 4, 6, 7, 8, 9, 10, 11
WEIGHT_DECAY, BETA_1, BETA_2, ROW = 14, 15, 16, 17
SCHEDULE: Final = ROW + abi.COEFFICIENTS  # its code, and five words of its own
WARM_UPS: Final = SCHEDULE + 6  # their number; of each, from the innermost on, its steps and those of all around it

FIXED, OF_RATE, OF_ADAM, OF_NADAM = range(4)  # formulas
CONSTANT, STEP_DECAY, EXPONENTIAL, INVERSE_TIME, COSINE, ONE_CYCLE = range(6)  # schedules

_by_squaring = inline(by_squaring)


@inline
def power(base: float, exponent: int) -> float:
    """base^n (see `fnn.numerics.powers`)."""
    low = exponent % BLOCK
    return _by_squaring(base, exponent - low) * _by_squaring(base, low)


@inline
def half_wave(start: float, end: float, way: float) -> float:
    """From start to end, as the way goes from 0 to 1 (see `fnn.optimizers.schedules`)."""
    angle = np.pi / 2 * way
    square, wave = angle * angle, 1.0
    for n in range(24, 0, -2):
        wave = 1 - square / (n * (n - 1)) * wave
    return end + (start - end) * (wave * wave)


@inline
def scheduled(words: Integers, step: int) -> float:
    """η of a schedule that is no warm-up."""
    code, coefficients, value = words[0], shift(words, 1), doubles(shift(words, 1))
    eta = value[0]
    if code == STEP_DECAY:
        eta = eta * power(value[1], step // coefficients[2])
    elif code == EXPONENTIAL:
        eta = eta * power(value[1], step)
    elif code == INVERSE_TIME:
        eta = eta / (1 + step / coefficients[1])
    elif code == COSINE:
        eta = half_wave(eta, value[1], min(step / coefficients[2], 1.0))
    elif code == ONE_CYCLE:
        start, end, top, fall = value[1], value[2], value[3], value[4]
        if step <= top:
            eta = half_wave(start, eta, min(step / top, 1.0) if top > 0 else 1.0)
        else:
            eta = half_wave(eta, end, min(max((step - top) / fall, 0.0), 1.0))
    return eta


@inline
def rate(words: Integers, step: int) -> float:
    """η of a step."""
    count, pair = words[WARM_UPS], shift(words, WARM_UPS + 1)
    before = pair[0] + pair[1] if count > 0 else 0
    eta = scheduled(shift(words, SCHEDULE), max(step - before, 0))
    for _ in range(count):
        eta = eta * min((max(step - pair[1], 0) + 1) / pair[0], 1.0)
        pair = shift(pair, 2)
    return eta


@inline
def fill_coefficients(words: Integers, step: int, into: Floats) -> int:
    """The coefficients of a step, as in `Optimizer.coefficient_table`; what is wrong with them, or FINE."""
    value, formula = doubles(words), words[FORMULA]
    eta = rate(words, step)
    if not (eta >= 0 and eta < np.inf):
        return RATE
    for i in range(abi.COEFFICIENTS):
        into[i] = like(into, value[ROW + i])
    into[abi.ETA], into[abi.KEEP] = like(into, eta), like(into, 1 - eta * value[WEIGHT_DECAY])
    of_rule = shift(into, abi.RULE_COEFFICIENTS)
    if formula == OF_RATE:
        of_rule[0] = like(into, eta)
    elif formula != FIXED:
        beta_1, now = value[BETA_1], 1 - power(value[BETA_1], step + 1)
        of_rule[words[ROOT_AT]] = like(into, math.sqrt(1 / (1 - power(value[BETA_2], step + 1))))
        if formula == OF_ADAM:
            of_rule[0] = like(into, eta / now)
        else:
            of_rule[0] = like(into, eta * beta_1 / (1 - power(beta_1, step + 2)))
            of_rule[1] = like(into, eta * (1 - beta_1) / now)
    return FINE if are_within(shift(value, ROW), into) and into[words[ABOVE_0]] > 0 else BEYOND


@inline
def are_within(row: Floats, coefficients: Floats) -> bool:
    """Whether the dtype has all coefficients, limits that are neither 0 nor infinite there unless there are none."""
    within = coefficients[abi.KEEP] >= 0 and coefficients[abi.CLIP] > 0
    for i in range(abi.COEFFICIENTS):
        if i == abi.CLIP:
            within = within and (coefficients[i] < np.inf) == (row[i] < np.inf)
        else:
            within = within and np.isfinite(coefficients[i])
        if i == abi.GRADIENT_NORM or i == abi.UNIT_NORM:
            within = within and (coefficients[i] > 0) == (row[i] > 0)
    return within
