"""Masks and norms of packed weights against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numba import njit, types
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.compiler.intrinsics import pointer
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import Reals, Weights
from fnn.network.kernels.plan import net_of
from fnn.network.layout import cache_aligned
from fnn.training.kernels.descend import pack_kernel
from fnn.training.kernels.regularize import limit_units, norm, remove, squares_of_gradient

SIZES = (5, 37, 3, 1)
PARTS = pytest.mark.parametrize("parts", [1, 2, 5])
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@kernel(lambda t: types.float64(array(types.int64), output(t), output(types.float64), types.int64))
def norm_kernel(table: npt.NDArray[np.int64], weights: Reals, squares: Weights, parts: int) -> float:
    net = net_of(table, weights, weights)
    for part in range(parts):
        squares_of_gradient(net, pointer(weights), pointer(squares), part, parts)
    return norm(net, pointer(squares))


@kernel(lambda t: types.void(array(types.int64), output(t), output(types.float64), types.int64, types.float64))
def limit_kernel(table: npt.NDArray[np.int64], weights: Reals, squares: Weights, parts: int, limit: float) -> None:
    for part in range(parts):
        limit_units(net_of(table, weights, weights), limit, pointer(squares), part, parts)


class Packed:
    """Packed parameters."""

    def __init__(self, dtype: type[Any]) -> None:
        self.params: fnn.Params[Any] = fnn.init(SIZES, seed=0, initializer=fnn.standard_normal, dtype=dtype)
        self.layout = self.params.architecture.layout(self.params.dtype, 1, packed=True)
        self.weights = cache_aligned(self.layout.weights, self.params.dtype)
        self.weights[:], self.squares = 0, np.full(sum(SIZES) + 3 * 64, np.nan)
        flat, none = self.params.flat.copy(), self.weights[:0]
        pack_kernel[self.params.dtype](self.layout.table, flat, self.weights, none, True)

    def unpacked(self) -> fnn.Params[Any]:
        flat = np.empty_like(self.params.flat)
        pack_kernel[self.params.dtype](self.layout.table, flat, self.weights, self.weights[:0], False)
        return self.params.with_flat(flat)


@PARTS
@BOTH
def test_norm(parts: int, dtype: type[Any]) -> None:
    packed = Packed(dtype)
    found = norm_kernel[packed.params.dtype](packed.layout.table, packed.weights, packed.squares, parts)

    assert found == pytest.approx(math.sqrt(math.fsum(packed.params.flat.astype(float) ** 2)), rel=1e-14)
    assert found == norm_kernel[packed.params.dtype](packed.layout.table, packed.weights, packed.squares, 1)


@PARTS
@BOTH
def test_units_are_limited(parts: int, dtype: type[Any]) -> None:
    packed, limit = Packed(dtype), 2.0
    limit_kernel[packed.params.dtype](packed.layout.table, packed.weights, packed.squares, parts, limit)
    after = packed.unpacked()

    for layer in range(1, len(SIZES)):
        W = packed.params[f"W{layer}"].astype(float)
        lengths = np.linalg.norm(W, axis=0)
        assert_allclose(after[f"W{layer}"], W * np.minimum(1, limit / lengths), rtol=4 * np.finfo(dtype).eps)
        assert_array_equal(after[f"W{layer}"][:, lengths <= limit], W[:, lengths <= limit])
        assert_array_equal(after[f"b{layer}"], packed.params[f"b{layer}"])
    assert any((np.linalg.norm(packed.params[f"W{layer}"], axis=0) > limit).any() for layer in range(1, len(SIZES)))


@njit
def removed(values: NDArray[np.float64], mask: NDArray[np.float64]) -> None:
    remove(pointer(values), pointer(mask), values.size)


def test_removed_connections_are_zero() -> None:
    values = np.array([1.0, -2.0, np.nan, np.inf, 5.0])
    removed(values, np.array([1.0, 0.0, 0.0, 0.0, 1.0]))

    assert_array_equal(values, [1, 0, 0, 0, 5])
