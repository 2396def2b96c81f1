"""Data frames of pandas, which fnn doesn't know: their columns are numbers, or an error names one that isn't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fnn
from fnn.boundary.checks import real_array

P = fnn.init((2, 3, 1), seed=0)
pandas = pytest.importorskip("pandas")


@pytest.mark.parametrize(
    "columns, wanted",
    [
        ({"a": [1, 2], "b": [0.5, 1.5]}, [[1, 0.5], [2, 1.5]]),
        ({"a": [True, False], "b": [0.5, 1.5]}, [[1, 0.5], [0, 1.5]]),
        ({"a": pandas.array([1, 2], "Int64"), "b": [0.5, 1.5]}, [[1, 0.5], [2, 1.5]]),
        ({"a": pandas.array([1, 2], "UInt8"), "b": pandas.array([True, False], "boolean")}, [[1, 1], [2, 0]]),
        ({"a": pandas.Categorical([3, 4]), "b": pandas.array([0.5, 1.5], "Float32")}, [[3, 0.5], [4, 1.5]]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_frame_of_numbers(columns: dict[str, Any], wanted: Any, dtype: type[Any]) -> None:
    params = fnn.init((2, 1), seed=0, dtype=dtype)
    frame = pandas.DataFrame(columns, index=["u", "v"])
    assert_array_equal(real_array("x", frame), wanted)
    assert_array_equal(fnn.forward(params, frame), fnn.forward(params, np.array(wanted)))
    for target in ("a", "b"):
        y = np.array(wanted, float)[:, ["ab".index(target)]]
        runs = [
            fnn.train(params, frame, given, eta=0.1, epochs=2).params for given in (frame[target], frame[[target]], y)
        ]
        assert runs[0] == runs[1] == runs[2]


def test_a_frame_of_one_dtype_is_not_copied() -> None:
    array = np.ones((3, 2))
    assert np.shares_memory(real_array("x", pandas.DataFrame(array, copy=False)), array)


@pytest.mark.parametrize(
    "column, error, message",
    [
        ([1.0, np.nan], ValueError, "x: NaN or infinity in column 'age' in row 1"),
        (np.array([-np.inf, 1.0], np.float32), ValueError, "x: NaN or infinity in column 'age' in row 0"),
        (pandas.array([1, None], "Int64"), ValueError, "x: NaN or infinity in column 'age' in row 1"),
        (pandas.array([None, True], "boolean"), ValueError, "x: NaN or infinity in column 'age' in row 0"),
        (["u", "v"], TypeError, r"x: column 'age' needs real numbers, got dtype (str|object); a category becomes"),
        (
            pandas.Categorical(["u", "v"]),
            TypeError,
            "x: column 'age' needs real numbers, got dtype category; a category",
        ),
        (np.array([1, 2], object), TypeError, "x: column 'age' needs real numbers, got dtype object"),
        (pandas.to_datetime(["2020", "2021"]), TypeError, "x: column 'age' needs real numbers, got dtype datetime64"),
        ([1j, 2], TypeError, "x: column 'age' needs real numbers, got dtype complex128"),
    ],
)
def test_the_column_of_a_frame_is_named(column: Any, error: type[Exception], message: str) -> None:
    frame = pandas.DataFrame({"size": [1, 2], "age": column})
    for call in (
        lambda: fnn.forward(P, frame), lambda: fnn.grad(P, frame, [0.0, 1.0]), lambda: fnn.accuracy(P, frame, [0, 1]),
        lambda: fnn.train(P, frame, [0.0, 1.0], eta=0.1, epochs=1), lambda: fnn.Cases(frame, [0.0, 1.0]),
        lambda: fnn.train_many([P], frame, [0.0, 1.0], eta=0.1, epochs=1),
    ):  # fmt: skip
        with pytest.raises(error, match=f"^{message}"):
            call()
    with pytest.raises(error, match=f"^{message.replace('x: ', 'validation x: ', 1)}"):
        fnn.train(P, [[0.0, 1.0]], [[0.0]], eta=0.1, epochs=1, validation=(frame, [0.0, 1.0]))


def test_columns_of_one_name() -> None:
    frame = pandas.DataFrame([[1.0, 2, True], [2.0, None, False]], columns=["a", "a", "a"])
    with pytest.raises(
        ValueError,
        match=r"^x: NaN or infinity in column 'a' in row 1; fill what is missing, such as by \.fillna\(\.\.\)$",
    ):
        fnn.forward(P, frame)
