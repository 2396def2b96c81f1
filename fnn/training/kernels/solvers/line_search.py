"""The line search of Moré and Thuente (ACM Transactions on Mathematical Software 20, 1994), as in MINPACK-2.

It looks for a step along a direction of descent that meets the strong Wolfe conditions, with φ(step) = E:

    φ(step) ≤ φ(0) + FTOL step φ′(0)    and    |φ′(step)| ≤ GTOL |φ′(0)|

The parameters, and the largest step beside the first, are those of L-BFGS-B (Zhu, Byrd, Lu, Nocedal 1997). The caller
evaluates: `begin` names the first step; `search`, given φ and φ′ there, the next one, or what has been found.
"""

import math
from typing import Final

import numpy as np

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats

FTOL: Final = 1e-3
GTOL: Final = 0.9
XTOL: Final = 0.1  # the search ends where the interval is narrower than this, relative to its upper end
LONGEST: Final = 1e10  # the largest step
MOST: Final = 20  # evaluations

# What `search` says: evaluate at STEP; STEP meets the conditions; no step could be found that does, and STEP is the
# best one, if it isn't 0.
EVALUATE, FOUND, ENDED = range(3)

# The state: the step; φ and φ′ at 0; the two ends of the interval, that with the least φ first; what the next step is
# to lie between; the widths of the last two intervals; the largest step; flags; evaluations.
(
    STEP, START, START_SLOPE, BEST, BEST_VALUE, BEST_SLOPE, OTHER, OTHER_VALUE, OTHER_SLOPE, LOW, HIGH, WIDTH,
    WIDTH_BEFORE, LARGEST, IS_BRACKETED, IS_SECOND_STAGE, EVALUATIONS, SIZE,
) = range(18)  # fmt: skip


@inline
def begin(state: Floats, value: float, slope: float, step: float) -> None:
    """Start a search from φ(0) and φ′(0) < 0 with a first step."""
    state[STEP], state[START], state[START_SLOPE] = step, value, slope
    state[BEST], state[BEST_VALUE], state[BEST_SLOPE] = 0.0, value, slope
    state[OTHER], state[OTHER_VALUE], state[OTHER_SLOPE] = 0.0, value, slope
    state[LOW], state[HIGH], state[LARGEST] = 0.0, 5.0 * step, LONGEST
    state[WIDTH], state[WIDTH_BEFORE] = LONGEST, 2.0 * LONGEST
    state[IS_BRACKETED], state[IS_SECOND_STAGE], state[EVALUATIONS] = 0.0, 0.0, 0.0


@inline
def search(state: Floats, value: float, slope: float) -> int:
    """The next step, or the end of the search, given φ and φ′ at the present step."""
    state[EVALUATIONS] += 1.0
    step, bend = state[STEP], FTOL * state[START_SLOPE]
    if not (np.isfinite(value) and np.isfinite(slope)):
        return EVALUATE if step_back(state) else ENDED
    bound = state[START] + step * bend
    if value <= bound and slope >= 0:
        state[IS_SECOND_STAGE] = 1.0
    if value <= bound and abs(slope) <= -GTOL * state[START_SLOPE]:
        return FOUND
    is_longest = step == state[LARGEST] and value <= bound and slope <= bend
    if is_longest or has_ended(state) or state[EVALUATIONS] >= MOST:
        return ENDED
    uses_psi = state[IS_SECOND_STAGE] == 0 and bound < value <= state[BEST_VALUE]
    update(state, value, slope, bend if uses_psi else 0.0)
    best, other = state[BEST], state[OTHER]
    if state[IS_BRACKETED] != 0:
        if abs(other - best) >= 0.66 * state[WIDTH_BEFORE] or np.isnan(state[STEP]):  # it shrinks too slowly
            state[STEP] = best + 0.5 * (other - best)
        state[WIDTH_BEFORE], state[WIDTH] = state[WIDTH], abs(other - best)
        state[LOW], state[HIGH] = min(best, other), max(best, other)
    else:
        beyond = state[STEP] - best
        state[LOW], state[HIGH] = state[STEP] + 1.1 * beyond, state[STEP] + 4.0 * beyond
    state[STEP] = max(0.0, min(state[STEP], state[LARGEST]))
    if has_ended(state):
        state[STEP] = state[BEST]
    return EVALUATE


@inline
def has_ended(state: Floats) -> bool:
    """Whether the interval has become as narrow as it may."""
    step, low, high = state[STEP], state[LOW], state[HIGH]
    return state[IS_BRACKETED] != 0 and (step <= low or step >= high or high - low <= XTOL * high)


@inline
def step_back(state: Floats) -> bool:
    """Not in the paper: towards the best step from one where φ isn't finite; whether that may be tried."""
    if state[EVALUATIONS] >= MOST:
        return False
    way = state[STEP] - state[BEST]
    state[STEP], state[LARGEST] = state[BEST] + 0.1 * way, state[BEST] + 0.5 * way
    if state[IS_BRACKETED] == 0:
        state[LOW], state[HIGH] = state[STEP], state[LARGEST]
    return True


@inline
def update(state: Floats, value: float, slope: float, bend: float) -> None:
    """The paper's section 4: a safeguarded step by interpolation, and the interval with the present step as an end.

    The function is φ, or ψ(step) = φ(step) − bend · step.
    """
    step, low, high, is_bracketed = state[STEP], state[LOW], state[HIGH], state[IS_BRACKETED] != 0
    best, f_best, d_best = state[BEST], state[BEST_VALUE] - state[BEST] * bend, state[BEST_SLOPE] - bend
    other, f_other, d_other = state[OTHER], state[OTHER_VALUE] - state[OTHER] * bend, state[OTHER_SLOPE] - bend
    f, d = value - step * bend, slope - bend
    is_higher, turns = f > f_best, d * math.copysign(1.0, d_best) < 0
    share, secant = cubic_share(step, f, d, best, f_best, d_best), step + d / (d - d_best) * (best - step)
    cubic = step + share * (best - step)
    if is_higher:  # case 1: a minimum lies between
        way = step - best
        cubic = best + cubic_share(best, f_best, d_best, step, f, d) * way
        quadratic = best + d_best / ((f_best - f) / way + d_best) / 2.0 * way
        state[STEP] = cubic if abs(cubic - best) <= abs(quadratic - best) else cubic + (quadratic - cubic) / 2.0
    elif turns:  # case 2: likewise
        state[STEP] = cubic if abs(cubic - step) > abs(secant - step) else secant
    elif abs(d) < abs(d_best):  # case 3: the slope has become smaller
        if not share < 0:  # the cubic has no minimum beyond the step
            cubic = high if step > best else low
        if is_bracketed:
            nearer, limit = cubic if abs(cubic - step) < abs(secant - step) else secant, step + 0.66 * (other - step)
            state[STEP] = min(limit, nearer) if step > best else max(limit, nearer)
        else:
            farther = cubic if abs(cubic - step) > abs(secant - step) else secant
            state[STEP] = min(max(farther, low), high)
    elif is_bracketed:  # case 4: it hasn't
        state[STEP] = step + cubic_share(step, f, d, other, f_other, d_other) * (other - step)
    else:
        state[STEP] = high if step > best else low
    move_ends(state, step, value, slope, is_higher, turns)


@inline
def move_ends(state: Floats, step: float, value: float, slope: float, is_higher: bool, turns: bool) -> None:
    """Make the step an end of the interval: the better one, or the other one if φ (or ψ) is higher there."""
    if is_higher:
        state[OTHER], state[OTHER_VALUE], state[OTHER_SLOPE] = step, value, slope
    else:
        if turns:
            state[OTHER], state[OTHER_VALUE], state[OTHER_SLOPE] = state[BEST], state[BEST_VALUE], state[BEST_SLOPE]
        state[BEST], state[BEST_VALUE], state[BEST_SLOPE] = step, value, slope
    if is_higher or turns:
        state[IS_BRACKETED] = 1.0


@inline
def cubic_share(a: float, f_a: float, d_a: float, b: float, f_b: float, d_b: float) -> float:
    """The share of the way from a to b at which the cubic with these values and slopes has its minimum, or NaN."""
    theta = 3.0 * (f_a - f_b) / (b - a) + d_a + d_b
    greatest = max(abs(theta), abs(d_a), abs(d_b))
    square = (theta / greatest) ** 2 - (d_a / greatest) * (d_b / greatest)
    if not square > 0:
        return np.nan
    gamma = math.copysign(greatest * math.sqrt(square), b - a)
    return (gamma - d_a + theta) / (gamma - d_a + gamma + d_b)
