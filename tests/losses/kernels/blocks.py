"""A loss's compiled kernels, called on blocks of cases by their addresses."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

import fnn
from fnn.losses.kernels.dispatch import LossKernel

STRIDE = 8
WEIGHTS = np.array([1.0, 0.5, 0.0])  # of the cases, which are alike otherwise


class Slopes(NamedTuple):
    """What a loss's kernel fills, a row for each of WEIGHTS."""

    errors: NDArray[np.float64]
    dE_da: NDArray[np.float64]
    delta: NDArray[np.float64]


def slopes(loss: fnn.Loss, output: fnn.Activation, z: Any, y: Any) -> Slopes:
    """E1 and E2, and Δ if the loss is direct."""
    errors, blocks = np.zeros(len(WEIGHTS)), _blocks(z, output(z), y, 0, 0)
    assert loss.kernel is not None
    _call(loss, output, loss.kernel, [*blocks[:3], WEIGHTS, *blocks[3:], errors], len(z))

    return Slopes(errors, *(block[:, : len(z)] for block in blocks[3:]))


def r_slopes(loss: fnn.Loss, output: fnn.Activation, z: Any, y: Any, r_z: Any) -> NDArray[np.float64]:
    """R3: R{∂E/∂A}, or R{Δ} if the loss is direct, a row for each of WEIGHTS."""
    r_a = output.prime(z) @ r_z if output.is_rowwise else output.prime(z) * r_z
    blocks = _blocks(z, output(z), y, r_z, r_a, 0)
    assert loss.second_derivative is not None
    _call(loss, output, loss.second_derivative, [*blocks[:3], WEIGHTS, *blocks[3:]], len(z))

    return blocks[-1][:, : len(z)]


def _blocks(*rows: Any) -> list[NDArray[np.float64]]:
    """For each row a padded block with a copy for each of WEIGHTS."""
    blocks = [np.zeros((len(WEIGHTS), STRIDE)) for _ in rows]
    for block, row in zip(blocks, rows, strict=True):
        block[:, : len(rows[0])] = row

    return blocks


def _call(loss: fnn.Loss, output: fnn.Activation, kernel: LossKernel, arrays: list[Any], units: int) -> None:
    integers, pointers = [ctypes.c_int64] * 3, [ctypes.c_void_p] * len(arrays)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, *pointers, *integers)(
        kernel.compiled(types.float64)[1]
    )
    parameter = np.array([loss.parameter])
    function(parameter.ctypes.data, output.code, *(a.ctypes.data for a in arrays), len(WEIGHTS), units, STRIDE)
