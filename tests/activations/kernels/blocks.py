"""An activation's compiled kernels, called on blocks of cases by their addresses."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba import types
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import fnn

Block = NDArray[np.float64]
STRIDE = 8


class Kernels:
    """F2, B1, R2 and the second term of R4 of an activation, for matrices of float64."""

    def __init__(self, activation: fnn.Activation) -> None:
        kernels = activation._kernels
        self._parameter = activation._parameter or 0.0
        assert kernels.second_derivative is not None
        self._f, self._prime, self._push, self._second = (
            kernel.address(types.float64)
            for kernel in (kernels.f, kernels.prime, kernels.push, kernels.second_derivative)
        )

    def f(self, z: Any) -> Block:
        return self._call(self._f, [z], np.zeros_like(z))

    def delta(self, z: Any, a: Any, dE_da: Any) -> Block:
        return self._call(self._prime, [z, a, dE_da], np.zeros_like(z))

    def push(self, z: Any, a: Any, r_z: Any) -> Block:
        return self._call(self._push, [z, a, r_z], np.zeros_like(z))

    def add_second(self, z: Any, a: Any, dE_da: Any, r_z: Any, r_a: Any, r_delta: Any) -> Block:
        return self._call(self._second, [z, a, dE_da, r_z, r_a], r_delta)

    def _call(self, address: int, inputs: list[Any], output: Any) -> Block:
        """Run a kernel on padded copies; what it adds to is the output's initial value."""
        rows, units = np.shape(output)
        blocks = [np.zeros((rows, STRIDE)) for _ in (*inputs, output)]
        for block, matrix in zip(blocks, (*inputs, output), strict=True):
            block[:, :units] = matrix
        sizes, pointers = [ctypes.c_int64] * 3, [ctypes.c_void_p] * len(blocks)
        kernel = ctypes.CFUNCTYPE(None, *pointers, *sizes, ctypes.c_double)(address)
        kernel(*(block.ctypes.data for block in blocks), rows, units, STRIDE, self._parameter)

        return blocks[-1][:, :units]


def assert_elementwise(activation: fnn.Activation, z: Any, f: Any, prime: Any, second: Any) -> None:
    """Assert the values of f, f′ and f″, by B1, R2 and R4 with random factors."""
    kernels, random = Kernels(activation), np.random.default_rng(0)
    z = np.array([z, z[::-1]])
    f, prime, second = (np.array([row, row[::-1]]) for row in (f, prime, second))
    dE_da, r_z, before = random.normal(size=(3, *z.shape))
    a = kernels.f(z)

    assert_allclose(a, f, rtol=1e-13, atol=1e-15)
    assert_allclose(kernels.delta(z, a, dE_da), dE_da * prime, rtol=1e-12, atol=1e-15)
    assert_allclose(kernels.push(z, a, r_z), prime * r_z, rtol=1e-12, atol=1e-15)
    r_delta = kernels.add_second(z, a, dE_da, r_z, prime * r_z, before)
    assert_allclose(r_delta, before + dE_da * second * r_z, rtol=1e-12, atol=1e-15)
