"""Networks that every export must reproduce."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnn
from tests import oracles

ACTIVATIONS = (*oracles.ROWS, fnn.softmax, fnn.log_softmax)
DTYPES = (np.float32, np.float64)


def networks(dtype: type[Any]) -> list[fnn.Params[Any]]:
    """One for each activation, hidden where possible; and a shallow, a deep and a wide one."""
    every = [
        fnn.init(
            (3, 6, 4), seed=1, hidden=fnn.identity if f.is_rowwise else f, output=f, initializer=fnn.uniform(-0.9, 0.9),
            dtype=dtype,
        )
        for f in ACTIVATIONS
    ]  # fmt: skip
    every += [
        fnn.init((3, 1), seed=2, dtype=dtype),
        fnn.init((1, 7, 2, 9, 1), seed=3, hidden=(fnn.relu, fnn.tanh, fnn.elu(0.3)), output=fnn.gelu, dtype=dtype),
        fnn.init((30, 200, 10), seed=4, hidden=fnn.silu, output=fnn.softmax, dtype=dtype),
    ]

    return every


def cases(params: fnn.Params[Any]) -> NDArray[Any]:
    """Moderate and extreme cases, different for each network."""
    random = np.random.default_rng(params.flat.size)
    scale = 3 if fnn.exp in params.activations else 100  # e^e^z
    x = random.normal(size=(40, params.sizes[0]))
    x[20:] *= random.uniform(0, scale, (20, 1)) / np.abs(x[20:]).max(axis=1, keepdims=True)

    return np.asarray(x.astype(params.dtype))


def assert_agrees(params: fnn.Params[Any], outputs: NDArray[Any]) -> None:
    """Assert that another program's outputs of the cases are those of `forward`, up to rounding."""
    expected = fnn.forward(params, cases(params))
    assert outputs.shape == expected.shape
    assert outputs.dtype == expected.dtype
    x, roundings = np.abs(cases(params)).max(axis=1, keepdims=True), 8 + 4 * max(params.sizes)
    tolerance = roundings * np.finfo(params.dtype).eps * (np.abs(expected) + x)
    worst = (np.abs(outputs - expected) / tolerance).max()
    assert worst <= 1, f"{params!r}: {worst} × the tolerance"


EXTREMES = (np.nan, -np.inf, np.inf)


def tails(dtype: type[Any]) -> NDArray[Any]:
    """Weighted inputs as a column: where sums lose digits, far into both tails, and the extremes."""
    far = 90 if dtype is np.float32 else 720
    z = np.concatenate(
        [np.linspace(-12, 12, 1500), np.linspace(-far, far, 1500), np.geomspace(1e-20, 1, 300), EXTREMES]
    )

    return np.asarray(np.concatenate([-z, z]), dtype)[:, None]


def single(f: fnn.Activation, dtype: type[Any]) -> fnn.Params[Any]:
    """The network whose z is its input."""
    params: fnn.Params[Any] = fnn.Params({"W1": np.ones((1, 1), dtype), "b1": np.zeros(1, dtype)}, hidden=(), output=f)

    return params


def assert_precise(f: fnn.Activation, outputs: NDArray[Any], dtype: type[Any], *, relative_to: float = 0) -> None:
    """Assert that another program's f of the tails is the oracle's, in units in the last place.

    Where results are subnormal, a unit is that of the smallest normal number.
    """
    z = tails(dtype)
    assert (outputs.dtype, outputs.shape) == (np.dtype(dtype), z.shape)
    finite = np.isfinite(z)
    with np.errstate(over="ignore", under="ignore"):
        exact = oracles.ROWS[f].f(z[finite].astype(oracles.WIDE))
        size = np.maximum(np.abs(exact.astype(dtype)), max(relative_to, 64 * np.finfo(dtype).tiny))
    if f is fnn.hard_sigmoid:  # beside −3 the rounding of the sum is that of a number near 3
        size = np.maximum(size, 0.5)
    if f is fnn.sin:  # beside multiples of π, where the oracle's own π ends
        size = np.maximum(size, 1e-3)
    overflows = np.isinf(size)
    errors = np.abs(outputs[finite] - exact)[~overflows] / np.spacing(size[~overflows])
    assert errors.max() <= 8, f"{f!r}: {errors.max()} units in the last place"
    assert np.isposinf(outputs[finite][overflows]).all()
    for extreme in (-np.inf, np.inf):
        limits = outputs[z == extreme]
        np.testing.assert_allclose(limits, oracles.LIMITS[f.name][extreme > 0], rtol=2 * float(np.finfo(dtype).eps))
    assert np.isnan(outputs[np.isnan(z)]).all()


def overflowing(f: fnn.Activation, dtype: type[Any]) -> tuple[fnn.Params[Any], NDArray[Any]]:
    """A network of three units and cases by which each unit in turn is NaN, −∞ and ∞, the others 1 and 2."""
    scale = 2.0**100 if dtype is np.float32 else 2.0**1000
    leaves = {"W1": np.asarray(scale * np.eye(3), dtype), "b1": np.zeros(3, dtype)}
    params: fnn.Params[Any] = fnn.Params(leaves, hidden=(), output=f)
    rows = [np.roll([z, 1 / scale, 2 / scale], i) for z in (np.nan, -(2.0**30), 2.0**30) for i in range(3)]

    return params, np.asarray(rows, dtype)


def assert_softmax(f: fnn.Activation, outputs: NDArray[Any]) -> None:
    """Assert that softmax or log_softmax of these cases has NaN, but where −∞ stands for a probability of 0."""
    assert np.isnan(outputs[:3]).all()
    assert np.isnan(outputs[6:]).any(axis=1).all()  # ONNX Runtime's log_softmax of float64 has −∞ beside NaN
    e = np.exp(1)
    probabilities = [np.roll([0, 1 / (1 + e), e / (1 + e)], i) for i in range(3)]
    with np.errstate(divide="ignore"):
        expected = probabilities if f is fnn.softmax else np.log(probabilities)
    np.testing.assert_allclose(outputs[3:6], expected, rtol=1e-6)
