"""Optimizers as words that compiled code can work with (see `fnn.njit.kernels.optimizer_words`)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from fnn.compiler.linking import OnDemand
from fnn.compiler.target import FLOATS
from fnn.njit.kernels import optimizer_words as kernel
from fnn.optimizers import library as optimizers
from fnn.optimizers import schedules
from fnn.optimizers.kernels import abi
from fnn.optimizers.kernels.apply import MODIFIED_STEP
from fnn.optimizers.optimizer import Optimizer
from fnn.optimizers.schedule import Rate, own_steps
from fnn.training.kernels.regularized_phase import REGULARIZED_PHASE
from fnn.training.steppers.plateau import plateau

dtypes_in_use: Final[list[types.Float]] = []  # those of the `Params` that jitted functions have met

_FORMULAS: Final[dict[type[Optimizer], int]] = {
    optimizers.gradient_descent: kernel.OF_RATE, optimizers.momentum: kernel.OF_RATE,
    optimizers.nesterov: kernel.OF_RATE, optimizers.adam: kernel.OF_ADAM, optimizers.adamw: kernel.OF_ADAM,
    optimizers.nadam: kernel.OF_NADAM, optimizers.amsgrad: kernel.OF_ADAM, optimizers.rmsprop: kernel.OF_RATE,
    optimizers.adagrad: kernel.OF_RATE, optimizers.adadelta: kernel.OF_RATE, optimizers.lion: kernel.OF_RATE,
    optimizers.irprop: kernel.FIXED,
}  # fmt: skip


def optimizer_words_of(optimizer: Optimizer) -> NDArray[np.int64]:
    """The words of an optimizer with the addresses of its code for the dtypes in use; compiles what isn't yet."""
    return _with_addresses(optimizer, tuple(dtypes_in_use))


@lru_cache(maxsize=1000)
def _with_addresses(optimizer: Optimizer, dtypes: tuple[types.Float, ...]) -> NDArray[np.int64]:
    words = words_of(optimizer).copy()
    for at, dtype, code in code_of(optimizer, dtypes):
        words[at] = code.address(dtype)
    words.setflags(write=False)

    return words


def code_of(optimizer: Optimizer, dtypes: Sequence[types.Float]) -> list[tuple[int, types.Float, OnDemand]]:
    """The code of an optimizer: the word where its address stands, and what is compiled for which dtype."""
    modified = (
        [(kernel.MODIFIED, MODIFIED_STEP), (kernel.PHASE, REGULARIZED_PHASE)] if optimizer.modifies_weights else []
    )

    return [
        (at + FLOATS.index(dtype), dtype, code)
        for at, code in ((kernel.RULE, optimizer.rule), *modified)
        for dtype in dtypes
    ]


@lru_cache(maxsize=1000)
def words_of(optimizer: Optimizer) -> NDArray[np.int64]:
    """The words of an optimizer but for the addresses of its code. Numba asks for them at every call.

    It makes a TypingError of a ValueError, which is why there is no TypeError for optimizers that @njit can't use.
    """
    if type(optimizer) not in _FORMULAS:
        raise ValueError(f"optimizer: only those of fnn work inside @njit, got {optimizer!r}")
    rule, rate, fields = optimizer.rule, optimizer.rate, vars(optimizer)
    if callable(fields.get("alpha")):
        raise ValueError(f"alpha: inside @njit it must be a number, got {fields['alpha']!r}")
    schedule, warm_ups = ([], []) if rate is None else _unwound(rate)
    words = np.zeros(kernel.WARM_UPS + 1 + 2 * len(warm_ups), np.int64)
    value = words.view(np.float64)
    words[kernel.STATES], words[kernel.NEEDS_ALL] = rule.states, optimizer.needs_all_cases
    words[kernel.FORMULA] = _FORMULAS[type(optimizer)]
    words[kernel.ROOT_AT] = rule.coefficients.index("root") if "root" in rule.coefficients else 0
    places = enumerate(rule.coefficients, start=abi.RULE_COEFFICIENTS)
    words[kernel.ABOVE_0] = next((at for at, name in places if name == "epsilon"), abi.CLIP)
    for at, name in enumerate(optimizer.starts, start=kernel.START):
        value[at] = fields[name] if name else 0.0
    for at, name in ((kernel.WEIGHT_DECAY, "weight_decay"), (kernel.BETA_1, "beta_1"), (kernel.BETA_2, "beta_2")):
        value[at] = fields.get(name, 0.0)
    for column, number in optimizer.columns(1.0, np.zeros(1, np.int64)).items():  # those that change are written over
        value[kernel.ROW + column] = np.ravel(number)[0]
    try:
        for at, number in enumerate(schedule, start=kernel.SCHEDULE):
            (value if isinstance(number, float) else words)[at] = number
        words[kernel.WARM_UPS :] = [len(warm_ups), *(number for pair in warm_ups for number in pair)]
    except OverflowError:
        raise ValueError(f"optimizer: too many steps for @njit in {optimizer!r}") from None

    return words


def _unwound(rate: Rate) -> tuple[list[float], list[tuple[int, int]]]:
    """A schedule without its warm-ups, and the steps of each of those and of all around it, from the innermost on."""
    warm_ups: list[tuple[int, int]] = []
    inner, before = rate, 0
    while isinstance(inner, schedules.warm_up):
        warm_ups.append((inner.steps, before))
        before += inner.steps
        inner = inner.rate

    return _numbers(inner), warm_ups[::-1]


def _numbers(rate: Rate) -> list[float]:
    """The words of a schedule that is no warm-up."""
    if not callable(rate):
        return [kernel.CONSTANT, float(rate)]
    if type(rate) is schedules.step_decay:
        return [kernel.STEP_DECAY, rate.eta, rate.factor, rate.every]
    if type(rate) is schedules.exponential:
        return [kernel.EXPONENTIAL, rate.eta, rate.factor ** (1 / own_steps(rate, "every", rate.every))]
    if type(rate) is schedules.inverse_time:
        return [kernel.INVERSE_TIME, rate.eta, rate.steps]
    if type(rate) is schedules.cosine:
        return [kernel.COSINE, rate.eta, rate.end, own_steps(rate, "steps", rate.steps)]
    if type(rate) is schedules.one_cycle:
        start, count = rate.top / rate.divisor, own_steps(rate, "steps", rate.steps)
        top = max(rate.rise * count - 1, 0.0)
        return [kernel.ONE_CYCLE, rate.top, start, start / rate.last_divisor, top, count - 1 - top]
    hint = "fnn.plateau works in fnn.train from Python" if isinstance(rate, plateau) else f"got {rate!r}"
    raise ValueError(
        f"eta: inside @njit it must be a number or one of fnn's schedules, such as fnn.cosine; {hint}. For a rate "
        "of your own there is fnn.update"
    )
