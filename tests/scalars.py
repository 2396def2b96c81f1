"""Scalar functions that a user might jit: f(z), f′(z, a) and perhaps f″(z, a), or E(a, y), ∂E/∂a(a, y) and ∂²E/∂a²."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numba import njit

import fnn
from fnn.compiler.cache import give_cache


def cached(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``@njit(cache=True)`` for processes that compile at once, such as xdist's workers (see `fnn.compiler.cache`)."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = njit(**options)(function)
        give_cache(dispatcher, function)

        return dispatcher

    return decorate


@cached()
def softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@cached()
def softplus_prime(z: float, a: float) -> float:
    return 1 / (1 + math.exp(-z))


@cached()
def bell(z: float) -> float:
    return math.exp(-z * z)


@cached()
def bell_prime(z: float, a: float) -> float:
    return -2 * z * a


@cached()
def reciprocal(z: float) -> float:
    return 1 / z  # raises at 0, which is what rows are padded with


@cached()
def reciprocal_prime(z: float, a: float) -> float:
    return -a * a


@cached()
def cube(z: float) -> float:
    return z * z * z


@cached()
def cube_prime(z: float, a: float) -> float:
    return z * z + 2 * z * z


@cached()
def cube_second(z: float, a: float) -> float:
    return 6 * z


@cached()
def step(z: float) -> int:
    return 1 if z > 0 else 0


@cached()
def step_prime(z: float, a: float) -> int:
    return 0


@cached()
def same(z: float) -> float:
    return z


@cached()
def text(z: float) -> str:
    return "a"


@cached()
def same_or_none(z: float) -> float | None:
    if z < 0:
        return None
    return z


@cached()
def same_or_none_of_two(a: float, y: float) -> float | None:
    if a < 0:
        return None
    return a


@cached()
def pair_of_two(a: float, y: float) -> tuple[float, float]:
    return a, y


@cached()
def of_a(z: float, a: float) -> float:
    return a


@cached()
def cauchy(a: float, y: float) -> float:
    return math.log1p((a - y) ** 2) / 2


@cached()
def cauchy_prime(a: float, y: float) -> float:
    return (a - y) / (1 + (a - y) ** 2)


@cached()
def cauchy_second(a: float, y: float) -> float:
    square = (a - y) ** 2
    return (1 - square) / (1 + square) ** 2


@cached()
def constant(a: float, y: float) -> int:
    return 1


@cached()
def text_of_two(a: float, y: float) -> str:
    return "a"


CAUCHY = fnn.Loss("cauchy", cauchy, cauchy_prime)
CAUCHY_WITH_SECOND = fnn.Loss("cauchy", cauchy, cauchy_prime, cauchy_second)
SOFTPLUS = fnn.Activation("my_softplus", softplus, softplus_prime)
BELL = fnn.Activation("bell", bell, bell_prime)
RECIPROCAL = fnn.Activation("reciprocal", reciprocal, reciprocal_prime)
CUBE = fnn.Activation("cube", cube, cube_prime)
CUBE_WITH_SECOND = fnn.Activation("cube", cube, cube_prime, cube_second)
STEP = fnn.Activation("step", step, step_prime)
