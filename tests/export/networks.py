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
    """One with each activation, inside where it can stand there; and deep, flat and wide ones."""
    made = [
        fnn.init(
            (3, 6, 4), seed=1, hidden=fnn.identity if f.is_rowwise else f, output=f, initializer=fnn.uniform(-0.9, 0.9),
            dtype=dtype,
        )
        for f in ACTIVATIONS
    ]  # fmt: skip
    made += [
        fnn.init((3, 1), seed=2, dtype=dtype),
        fnn.init((1, 7, 2, 9, 1), seed=3, hidden=(fnn.relu, fnn.tanh, fnn.elu(0.3)), output=fnn.gelu, dtype=dtype),
        fnn.init((30, 200, 10), seed=4, hidden=fnn.silu, output=fnn.softmax, dtype=dtype),
    ]

    return made


def cases(params: fnn.Params[Any]) -> NDArray[Any]:
    """Moderate ones and some far out, for each network other ones."""
    random = np.random.default_rng(params.flat.size)
    scale = 3 if fnn.exp in params.activations else 100  # e^e^z
    x = random.normal(size=(40, params.sizes[0]))
    x[20:] *= random.uniform(0, scale, (20, 1)) / np.abs(x[20:]).max(axis=1, keepdims=True)

    return np.asarray(x.astype(params.dtype))


def assert_agrees(params: fnn.Params[Any], outputs: NDArray[Any]) -> None:
    """What another program makes of the cases is what fnn makes of them, within some roundings."""
    wanted = fnn.forward(params, cases(params))
    assert outputs.shape == wanted.shape
    assert outputs.dtype == wanted.dtype
    x, roundings = np.abs(cases(params)).max(axis=1, keepdims=True), 8 + 4 * max(params.sizes)
    tolerance = roundings * np.finfo(params.dtype).eps * (np.abs(wanted) + x)
    worst = (np.abs(outputs - wanted) / tolerance).max()
    assert worst <= 1, f"{params!r}: {worst} × the tolerance"
