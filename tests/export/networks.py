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
