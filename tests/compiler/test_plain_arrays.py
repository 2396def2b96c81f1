"""Kernels see of an array what NumPy says of it, and refuse what isn't plain."""

import sys
from typing import Any

import numpy as np
import pytest
from numba import types

from fnn.compiler.intrinsics import Floats
from fnn.compiler.kernel import kernel
from fnn.compiler.plain_arrays import PlainArray, given, result, written

Seen = tuple[int, int, int, float]


@kernel(lambda t: types.Tuple((*[types.int64] * 3, types.float64))(given(t)))
def seen_as_given(array: PlainArray[Floats]) -> Seen:
    last = array.at[array.rows * array.columns - 1] if array.rows * array.columns > 0 else 0.0
    return array.dimensions, array.rows, array.columns, last


@kernel(lambda t: types.UniTuple(types.int64, 2)(written(t), result(t)))
def dimensions_of(array: PlainArray[Floats], new: PlainArray[Floats]) -> tuple[int, int]:
    if new.dimensions > 0:
        new.at[0] = 7.0
    return array.dimensions, new.dimensions


REFUSED = (-1, 0, 0, 0.0)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_a_kernel_sees(kind: type[Any]) -> None:
    look = seen_as_given.direct[np.dtype(kind)]
    vector, matrix = np.arange(1, 8, dtype=kind), np.arange(1, 13, dtype=kind).reshape(3, 4)
    assert look(vector) == (1, 1, 7, 7.0)
    assert look(matrix) == (2, 3, 4, 12.0)
    assert look(matrix[1:]) == (2, 2, 4, 12.0)
    assert look(matrix[:0]) == (2, 0, 4, 0.0)
    assert look(vector[3:3]) == (1, 1, 0, 0.0)
    assert look(None) == (0, 0, 0, 0.0)
    matrix.flags.writeable = False
    assert look(matrix) == (2, 3, 4, 12.0)
    unaligned = np.frombuffer(b"\0" + vector.tobytes(), np.uint8)[1:].view(kind)
    others: list[Any] = [
        np.array(1, kind), np.ones((1, 1, 1), kind), vector[::2], matrix.T, matrix[:, :2], vector[::-1], unaligned,
        vector.astype(vector.dtype.newbyteorder()), vector.view(np.recarray), np.ma.masked_array(vector),
        vector.astype(np.float32 if kind == np.float64 else np.float64), vector.astype(np.int64), vector.astype(object),
        [1.0], 1.0, "vector", kind(1), object(), np.ndarray, bytearray(99), slice(9),
    ]  # fmt: skip
    for other in others:
        assert look(other) == REFUSED, repr(other)


def test_arrays_that_are_written_to_must_be_writeable_and_results_no_longer_are() -> None:
    look = dimensions_of.direct[np.dtype(np.float64)]
    array, new = np.zeros(3), np.zeros(3)
    assert look(array, new) == (1, 1)
    assert new.tolist() == [7, 0, 0]
    assert array.flags.writeable
    assert not new.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        new[0] = 1
    assert look(new, new) == (-1, -1)
    assert look(None, None) == (0, 0)


def test_no_reference_is_taken() -> None:
    look, array = seen_as_given.direct[np.dtype(np.float64)], np.zeros(3)
    before = sys.getrefcount(array)
    for _ in range(100):
        look(array)
    assert sys.getrefcount(array) == before
