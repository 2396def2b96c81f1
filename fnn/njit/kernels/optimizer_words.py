"""The numbers of a step, for jitted functions of others, which can't ask Python for them.

A recipe is an optimizer as 64-bit words, floats by their bits; `fnn.njit.optimizer_words` writes it. The arithmetic is that
of `fnn.optimizers.library`, `fnn.optimizers.schedules` and `fnn.numerics.powers`, operation by operation, so the bits are the same.
"""

import math
from typing import Final

import numpy as np

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, Integers, doubles, like, shift
from fnn.njit.kernels.arguments import BEYOND, FINE, RATE
from fnn.optimizers.kernels import abi
from fnn.optimizers.kernels.rules import MAX_RULE_COEFFICIENTS

# The words: the addresses of the rule for float32 and for float64; how many vectors of state; whether every step needs
# all cases; how the rule's numbers follow from η; what each vector of state starts from; and so on.
RULE, STATES, NEEDS_ALL, FORMULA, ROOT_AT = 0, 2, 3, 4, 5
START, DECAY, DECAY_BIASES, BETA_1, BETA_2, NUMBERS = 6, 9, 10, 11, 12, 13
SCHEDULE: Final = NUMBERS + MAX_RULE_COEFFICIENTS  # its code, and five words of its own
WARM_UPS: Final = SCHEDULE + 6  # how many; of each, from the innermost on, its steps and those of all around it

FIXED, OF_RATE, OF_ADAM, OF_NADAM = range(4)  # formulas
CONSTANT, STEP_DECAY, EXPONENTIAL, INVERSE_TIME, COSINE, ONE_CYCLE = range(6)  # schedules

_BLOCK: Final = 4096


@inline
def by_squaring(base: float, exponent: int) -> float:
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@inline
def power(base: float, exponent: int) -> float:
    """base^n (see `fnn.numerics.powers`)."""
    low = exponent % _BLOCK
    return by_squaring(base, exponent - low) * by_squaring(base, low)


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
    """The numbers of a step, as `Optimizer.table` has them; returns what is wrong with them, or FINE."""
    value, formula = doubles(words), words[FORMULA]
    eta = rate(words, step)
    if not (eta >= 0 and eta < np.inf):
        return RATE
    into[abi.ETA], into[abi.KEEP] = like(into, eta), like(into, 1 - eta * value[DECAY])
    into[abi.KEEP_BIASES] = like(into, value[DECAY_BIASES])
    of_rule = shift(into, abi.RULE_COEFFICIENTS)
    for i in range(MAX_RULE_COEFFICIENTS):
        of_rule[i] = like(into, value[NUMBERS + i])
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
    is_within = np.isfinite(into[abi.ETA]) and into[abi.KEEP] >= 0
    for i in range(MAX_RULE_COEFFICIENTS):
        is_within = is_within and np.isfinite(of_rule[i])
    return FINE if is_within else BEYOND
