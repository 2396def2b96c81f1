"""Numbers that aren't finite are found wherever they stand among others."""

from typing import Any

import numpy as np
import pytest
from numba import types
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.compiler.kernel import array, kernel
from fnn.data.kernels.finite import is_finite


@kernel(lambda t: types.boolean(array(t), types.int64))
def first_are_finite(values: NDArray[Any], count: int) -> bool:
    return bool(is_finite(pointer(values), count))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_every_place_of_every_count(dtype: type[Any], bad: float) -> None:
    found = first_are_finite[np.dtype(dtype)]
    info = np.finfo(dtype)
    good = np.resize([info.max, -info.max, info.tiny, -info.smallest_subnormal, 0, -0.0, 1], 71).astype(dtype)
    for place in range(len(good)):
        values = good.copy()
        values[place] = bad
        assert [found(values, count) for count in range(len(values) + 1)] == [
            bool(np.isfinite(values[:count]).all()) for count in range(len(values) + 1)
        ]
