"""Scalar functions that a user might jit: f(z), f′(z, a) and perhaps f″(z, a), or E(a, y), ∂E/∂a(a, y) and ∂²E/∂a²."""

from __future__ import annotations

import math

from numba import njit

import fnn


@njit
def softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@njit
def softplus_prime(z: float, a: float) -> float:
    return 1 / (1 + math.exp(-z))


@njit
def bell(z: float) -> float:
    return math.exp(-z * z)


@njit
def bell_prime(z: float, a: float) -> float:
    return -2 * z * a


@njit
def reciprocal(z: float) -> float:
    return 1 / z  # raises at 0, which is what rows are padded with


@njit
def reciprocal_prime(z: float, a: float) -> float:
    return -a * a


@njit
def cube(z: float) -> float:
    return z * z * z


@njit
def cube_prime(z: float, a: float) -> float:
    return z * z + 2 * z * z


@njit
def cube_second(z: float, a: float) -> float:
    return 6 * z


@njit
def step(z: float) -> int:
    return 1 if z > 0 else 0


@njit
def step_prime(z: float, a: float) -> int:
    return 0


@njit
def same(z: float) -> float:
    return z


@njit
def text(z: float) -> str:
    return "a"


@njit
def same_or_none(z: float) -> float | None:
    if z < 0:
        return None
    return z


@njit
def same_or_none_of_two(a: float, y: float) -> float | None:
    if a < 0:
        return None
    return a


@njit
def pair_of_two(a: float, y: float) -> tuple[float, float]:
    return a, y


@njit
def of_a(z: float, a: float) -> float:
    return a


@njit
def cauchy(a: float, y: float) -> float:
    return math.log1p((a - y) ** 2) / 2


@njit
def cauchy_prime(a: float, y: float) -> float:
    return (a - y) / (1 + (a - y) ** 2)


@njit
def cauchy_second(a: float, y: float) -> float:
    square = (a - y) ** 2
    return (1 - square) / (1 + square) ** 2


@njit
def constant(a: float, y: float) -> int:
    return 1


@njit
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
