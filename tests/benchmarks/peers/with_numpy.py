"""NumPy: the forward pass, written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from ..workloads import Array


def forward(start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
    """Into arrays that are reused: 1 / (1 + exp(−(x W + b))), with W stored so that its columns are contiguous."""
    if threads:
        threadpool_limits(threads)
    layers = [(np.asfortranarray(w), b, np.empty_like(b)) for w, b in zip(start[::2], start[1::2], strict=True)]

    def call() -> Array:
        a = x
        for w, b, z in layers:
            np.dot(a, w, out=z)
            z += b
            np.negative(z, out=z)
            np.exp(z, out=z)
            z += 1
            a = np.reciprocal(z, out=z)
        return a

    return call
