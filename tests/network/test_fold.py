"""`fold`: the same function of raw units."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import fnn

numbers = st.floats(-100, 100, allow_nan=False).map(lambda v: round(v, 3))
scales = st.floats(0.01, 100).map(lambda v: round(v, 3)) | st.just(-2.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (3, 4, 4, 2)])
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_raw_units(dtype: Any, sizes: tuple[int, ...], data: st.DataObject) -> None:
    params = fnn.init(sizes, seed=data.draw(st.integers(0, 99)), hidden=fnn.tanh, output=fnn.identity, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(5, 3))
    shift, scale = (np.array(data.draw(st.lists(s, min_size=3, max_size=3))) for s in (numbers, scales))
    offset, factor = (np.array(data.draw(st.lists(s, min_size=2, max_size=2))) for s in (numbers, scales))

    folded = fnn.fold(params, x_shift=shift, x_scale=scale, y_shift=offset, y_scale=factor)
    expected = offset + factor * fnn.forward(params, x)

    assert folded.architecture == params.architecture
    assert folded.dtype == dtype
    # Rounding of b1 and of x * scale + shift is that of numbers as large as x_shift / x_scale.
    size = (1 + np.abs(shift / scale).sum()) * np.abs(factor).max() + np.abs(offset).max()
    assert_allclose(fnn.forward(folded, x * scale + shift), expected, atol=50 * np.finfo(dtype).eps * size)


def test_exactly_rounded() -> None:
    rng = np.random.default_rng(1)
    params = fnn.Params({"W1": rng.normal(size=(50, 1)), "b1": [0.1]}, hidden=(), output=fnn.softplus)
    shift = rng.normal(size=50) * 1e6

    folded = fnn.fold(params, x_shift=shift)

    products = [Fraction(w * s) for w, s in zip(params["W1"][:, 0].tolist(), shift.tolist(), strict=True)]
    assert folded["b1"][0] == float(Fraction(0.1) - sum(products))
    assert_array_equal(folded["W1"], params["W1"])


def test_numbers_stand_for_all() -> None:
    params = fnn.init((3, 2, 2), seed=0, output=fnn.identity)

    one = fnn.fold(params, x_shift=2.0, x_scale=3, y_shift=1.0, y_scale=5.0)

    assert one == fnn.fold(params, x_shift=[2.0] * 3, x_scale=[3.0] * 3, y_shift=[1.0] * 2, y_scale=[5.0] * 2)
    assert fnn.fold(params) == params


def test_removed_connections_stay_zero() -> None:
    mask = fnn.connections(3, 2, ([0], [0, 1]))
    params = fnn.init((3, 2), seed=0).replace({"W1": mask * 1.5})

    folded = fnn.fold(params, x_shift=[1.0, 2.0, 3.0], x_scale=[0.1, 0.2, 0.3])

    assert_array_equal(folded["W1"] != 0, mask)
    assert_allclose(folded["b1"], -15.0, rtol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(x_scale=[1.0, 0.0, 1.0]), "x_scale: must not be 0, as it is in column 1"),
        (dict(y_scale=0.0), "y_scale: must not be 0"),
        (dict(x_shift=[1.0, 2.0]), r"x_shift: needs a number or shape \(3,\), got \(2,\)"),
        (dict(x_shift=[1.0, np.nan, 0.0]), "x_shift: holds NaN or infinity"),
        (dict(x_scale=1e-40), "W1: would be NaN, infinite or beyond float32 with this scaling"),
        (dict(x_shift=1e200, x_scale=1e-200), "W1: would be NaN"),
        (dict(x_shift=1e300), "b1: would be NaN"),
        (dict(y_shift=1e39), "b2: would be NaN"),
    ],
)
def test_bad_scaling(arguments: dict[str, Any], message: str) -> None:
    params = fnn.init((3, 2, 1), seed=0, output=fnn.identity, dtype=np.float32)

    with pytest.raises(ValueError, match=message):
        fnn.fold(params, **arguments)


def test_only_an_identity_output_can_be_scaled() -> None:
    params = fnn.init((3, 1), seed=0)

    with pytest.raises(ValueError, match=r"y_shift, y_scale: need the output fnn\.identity, .* it is fnn\.sigmoid"):
        fnn.fold(params, y_shift=1.0)
    assert fnn.fold(params, x_scale=2.0)["W1"][0, 0] == params["W1"][0, 0] / 2


def test_text_is_no_scale() -> None:
    with pytest.raises(TypeError, match="x_scale: needs real numbers"):
        fnn.fold(fnn.init((3, 1), seed=0), x_scale="standard")
