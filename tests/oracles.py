"""The built-in activations in long double: formulas read off their papers, with nothing of fnn's in them.

A new activation gets a row here, and with it all the tests that go through `ROWS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnn

Array = NDArray[Any]
WIDE = np.longdouble


@dataclass(frozen=True)
class Row:
    """An activation as it should be."""

    f: Callable[[Array], Array]
    prime: Callable[[Array], Array]
    ulps: float = 3  # how far f may be off, in units in the last place
    kinks: tuple[float, ...] = ()  # where f′ or f″ jumps


def cdf(z: Array) -> Array:
    """Φ(z), from the C library's erfc and its slope where z/√2 isn't a double."""
    x = -np.asarray(z, WIDE) / np.sqrt(WIDE(2))
    near = x.astype(float)
    value = np.vectorize(math.erfc, otypes=[float])(near).astype(WIDE)

    return np.asarray((value - (x - near) * 2 / np.sqrt(PI) * np.exp(-(x**2))) / 2)


def where(condition: Array, yes: Any, no: Any) -> Array:
    return np.asarray(np.where(condition, yes, no))


PI = WIDE(4) * np.arctan(WIDE(1))
LAMBDA, ALPHA = WIDE("1.0507009873554804934193349852946"), WIDE("1.6732632423543772848170429916717")
SLOPE, BEND = 0.25, 1.5


def density(z: Array) -> Array:
    return np.asarray(np.exp(-(z**2) / 2) / np.sqrt(2 * PI))


def sigma(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


def cubic(z: Array) -> Array:
    return np.asarray(np.sqrt(2 / PI) * (z + WIDE("0.044715") * z**3))


def cubic_prime(z: Array) -> Array:
    return np.asarray(np.sqrt(2 / PI) * (1 + 3 * WIDE("0.044715") * z**2))


def softplus(z: Array) -> Array:
    return np.asarray(np.logaddexp(WIDE(0), z))


def tanh_prime(z: Array) -> Array:
    return np.asarray(1 / np.cosh(z) ** 2)


ROWS: dict[fnn.Activation, Row] = {
    fnn.identity: Row(lambda z: z, np.ones_like),
    fnn.sigmoid: Row(sigma, lambda z: sigma(z) * sigma(-z)),
    fnn.tanh: Row(np.tanh, tanh_prime),
    fnn.relu: Row(lambda z: np.maximum(z, 0), lambda z: where(z > 0, 1, 0), kinks=(0,)),
    fnn.leaky_relu(SLOPE): Row(
        lambda z: where(z > 0, z, SLOPE * z), lambda z: where(z > 0, 1, SLOPE), kinks=(0,)
    ),
    fnn.elu(BEND): Row(
        lambda z: where(z > 0, z, BEND * np.expm1(np.minimum(z, 0))),
        lambda z: where(z > 0, 1, BEND * np.exp(np.minimum(z, 0))), kinks=(0,),
    ),
    fnn.selu: Row(
        lambda z: LAMBDA * where(z > 0, z, ALPHA * np.expm1(np.minimum(z, 0))),
        lambda z: LAMBDA * where(z > 0, 1, ALPHA * np.exp(np.minimum(z, 0))), kinks=(0,),
    ),
    fnn.gelu: Row(lambda z: z * cdf(z), lambda z: cdf(z) + z * density(z), ulps=5),
    # Below the normal numbers of float32, the rounding of σ(u) is multiplied by z; above, the error is below 3.
    fnn.gelu_tanh: Row(
        lambda z: z * sigma(2 * cubic(z)),
        lambda z: sigma(2 * cubic(z)) + z / 2 * cubic_prime(z) * tanh_prime(cubic(z)), ulps=12,
    ),
    fnn.silu: Row(lambda z: z * sigma(z), lambda z: sigma(z) + z * sigma(z) * sigma(-z)),
    fnn.softplus: Row(softplus, sigma),
    fnn.softsign: Row(lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2, kinks=(0,)),
    fnn.mish: Row(
        lambda z: z * np.tanh(softplus(z)), lambda z: np.tanh(softplus(z)) + z * tanh_prime(softplus(z)) * sigma(z),
        ulps=4,
    ),
    fnn.hard_tanh: Row(lambda z: np.clip(z, -1, 1), lambda z: where(abs(z) < 1, 1, 0), kinks=(-1, 1)),
    # Beside −3 the rounding of the sum is that of a number near 3.
    fnn.hard_sigmoid: Row(
        lambda z: np.clip((z + 3) / 6, 0, 1), lambda z: where(abs(z) < 3, WIDE(1) / 6, 0), kinks=(-3, 3),
    ),
    fnn.relu6: Row(lambda z: np.clip(z, 0, 6), lambda z: where((z > 0) & (z < 6), 1, 0), kinks=(0, 6)),
    fnn.exp: Row(np.exp, np.exp),
    fnn.sin: Row(np.sin, np.cos),
    fnn.gaussian: Row(lambda z: np.exp(-(z**2)), lambda z: -2 * z * np.exp(-(z**2))),
}  # fmt: skip

LIMITS: dict[str, tuple[float, ...]] = {  # f and f′ at −∞ and ∞
    "identity": (-np.inf, np.inf, 1, 1), "sigmoid": (0, 1, 0, 0), "tanh": (-1, 1, 0, 0), "relu": (0, np.inf, 0, 1),
    "leaky_relu(0.25)": (-np.inf, np.inf, SLOPE, 1), "elu(1.5)": (-BEND, np.inf, 0, 1),
    "selu": (-1.0507009873554805 * 1.6732632423543772, np.inf, 0, 1.0507009873554805), "gelu": (0, np.inf, 0, 1),
    "gelu_tanh": (0, np.inf, 0, 1), "silu": (0, np.inf, 0, 1), "softplus": (0, np.inf, 0, 1),
    "softsign": (-1, 1, 0, 0), "mish": (0, np.inf, 0, 1), "hard_tanh": (-1, 1, 0, 0), "hard_sigmoid": (0, 1, 0, 0),
    "relu6": (0, 6, 0, 0), "exp": (0, np.inf, 0, np.inf), "sin": (np.nan, np.nan, np.nan, np.nan),
    "gaussian": (0, 0, 0, 0),
}  # fmt: skip


def margin(f: fnn.Activation, z: Array) -> float:
    """How far the nearest of these is from a kink."""
    return min((float(np.abs(z - kink).min()) for kink in ROWS[f].kinks), default=np.inf)
