"""Masks of connections."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fnn


def test_connections() -> None:
    mask = fnn.connections(4, 3, (range(2), [0, 2]), ([3], [1]))

    assert mask.dtype == np.bool_
    assert_array_equal(mask, [[1, 0, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert_array_equal(fnn.connections(2, 2), np.zeros((2, 2)))


def test_bad_connections() -> None:
    with pytest.raises(ValueError, match=r"blocks\[1\]\[0\]: must be at most 3, got 4"):
        fnn.connections(4, 3, ([0], [0]), ([4], [0]))
    with pytest.raises(ValueError, match="units: must be at least 1, got 0"):
        fnn.connections(4, 0)
    with pytest.raises(TypeError, match=r"blocks\[0\]: needs a pair of inputs and units, got 3"):
        fnn.connections(4, 3, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"blocks\[0\]: needs a pair of inputs and units, got \(0, 1\)"):
        fnn.connections(4, 3, (0, 1))  # type: ignore[arg-type]
