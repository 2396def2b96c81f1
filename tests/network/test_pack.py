"""Packing of parameters into panels, and back."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fnn
from fnn.compiler.target import lanes_of
from fnn.network.layout import cache_aligned
from fnn.training.kernels.descend import pack_kernel

SIZES = (3, 1, 33, 70, 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_pack_and_unpack(dtype: type[Any]) -> None:
    params: fnn.Params[Any] = fnn.init(SIZES, seed=0, initializer=fnn.standard_normal, dtype=dtype)
    layout = params.architecture.layout(params.dtype, 5, packed=True)
    weights = cache_aligned(layout.weights, params.dtype)
    weights[:] = np.nan
    pack_kernel[params.dtype](layout.table, params.flat.copy(), weights, weights[:0], True)

    # A panel holds `panel` columns of W, row by row; the biases follow the panels.
    panel, end = 2 * lanes_of(params.dtype), 0
    for layer, (m, n) in enumerate(pairwise(SIZES), start=1):
        panels = -(-n // panel)
        W = weights[end : end + panels * m * panel].reshape(panels, m, panel)
        end += W.size
        b = weights[end : end + panels * panel]
        end += b.size
        columns = W.transpose(1, 0, 2).reshape(m, -1)
        assert_array_equal(columns[:, :n], params[f"W{layer}"])
        assert_array_equal(b[:n], params[f"b{layer}"])
        assert np.isnan(columns[:, n:]).all()
        assert np.isnan(b[n:]).all()

    flat = np.zeros_like(params.flat)
    pack_kernel[params.dtype](layout.table, flat, weights, weights[:0], False)
    assert flat.tobytes() == params.flat.tobytes()
