"""Numbers that aren't finite are found wherever they stand among others."""

import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numba import types
from numpy.typing import NDArray

from fnn.compiler.intrinsics import pointer
from fnn.compiler.kernel import array, kernel
from fnn.data.kernels.cases import first_not_finite
from fnn.data.kernels.finite import is_finite

ROWS = 5000
TOGGLE = f"""
import mmap, struct, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
    print(flush=True)
    last, good, bad = slice({8 * ROWS - 8}, {8 * ROWS}), struct.pack("d", 1.0), struct.pack("d", float("nan"))
    while True:
        memory[last] = bad
        memory[last] = good
"""


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


@kernel(lambda t: types.int64(array(t, 2)))
def row_of_bad(x: NDArray[Any]) -> int:
    return first_not_finite(pointer(x), x.shape[0], x.shape[1])


def test_the_row_is_one_of_the_array_even_if_its_number_is_overwritten_meanwhile(tmp_path: Path) -> None:
    path, find = tmp_path / "x", row_of_bad[np.dtype(np.float64)]
    np.ones((ROWS, 1)).tofile(path)
    x: NDArray[np.float64] = np.memmap(path, np.float64, "r+", shape=(ROWS, 1))
    with subprocess.Popen([sys.executable, "-c", TOGGLE, path], stdout=subprocess.PIPE) as toggle:
        try:
            assert toggle.stdout is not None
            assert toggle.stdout.readline()
            end, found = monotonic() + 0.3, set[int]()
            while monotonic() < end:
                found.add(find(np.asarray(x)))
        finally:
            toggle.kill()
    assert found <= {-1, ROWS - 1}
