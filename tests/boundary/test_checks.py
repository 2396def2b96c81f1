"""What is made an array of real numbers, and what isn't: lists, masked arrays, data frames, tensors, text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

import fnn
from fnn.boundary.checks import real_array

P = fnn.init((2, 3, 1), seed=0)
MASKED = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
WHOLE = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "value",
    [
        MASKED, [MASKED[0], MASKED[1]], (MASKED[1], MASKED[0]), [(MASKED[0],), [MASKED[1]]], [[[MASKED]]],
        deque([MASKED[1], MASKED[0]]), [[1.0, 2.0], MASKED[0]], [np.array([1.0, 2.0]), MASKED[0]],
    ],
    ids=str,
)  # fmt: skip
def test_masked_elements_in_lists(value: Any) -> None:
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("x", lambda: fnn.forward(P, value)), ("x", lambda: fnn.error(P, value, [0.0, 1.0])),
        ("y", lambda: fnn.grad(P, [0.0, 1.0], value)), ("weights", lambda: fnn.Cases([[0.0]], [[0.0]], weights=value)),
        ("labels", lambda: fnn.one_hot(value, 2)), ("W1", lambda: P.replace({"W1": value})),
        ("z", lambda: fnn.relu(value)), ("u", lambda: fnn.vjp(P, [0.0, 1.0], value)),
    ]  # fmt: skip
    for name, call in calls:
        with pytest.raises(TypeError, match=f"^{name}: has masked elements"):
            call()


@pytest.mark.filterwarnings("ignore:Warning. converting a masked element to nan")
def test_masked_numbers_in_lists() -> None:
    values: list[Any] = [[1.0, np.ma.masked], [[1.0, np.ma.masked], [2.0, 3.0]], (MASKED[0, 0], MASKED[0, 1])]
    for value in values:
        with pytest.raises(TypeError, match=r"^x: has masked elements"):
            fnn.forward(P, value)
    labels: Any = [np.ma.array(1, mask=True), 0]
    with pytest.raises(TypeError, match=r"^labels: can't be made an array: .* masked element"):
        fnn.one_hot(labels, 2)


def test_masked_arrays_without_masked_elements_are_arrays() -> None:
    wanted = fnn.forward(P, WHOLE.data)
    for value in (WHOLE, [WHOLE[0], WHOLE[1]], (WHOLE[0], [3.0, 4.0])):
        assert_array_equal(fnn.forward(P, value), wanted)


class Tensor:
    """A tensor that can't be made an array: one with a gradient, or of bfloat16."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        raise self.error


@pytest.mark.parametrize(
    "error, kind",
    [
        (RuntimeError("Can't call numpy() on Tensor that requires grad."), TypeError),
        (TypeError("Got unsupported ScalarType BFloat16"), TypeError),
        (ValueError("no"), ValueError),
    ],
)
def test_a_tensor_that_cant_be_converted_is_named(error: Exception, kind: type[Exception]) -> None:
    value: Any = Tensor(error)
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("x", lambda: fnn.forward(P, value)), ("y", lambda: fnn.train(P, [[0.0, 1.0]], value, eta=0.1, epochs=1)),
        ("x", lambda: fnn.error(P, [value, value], [0.0, 1.0])), ("W1", lambda: P.replace({"W1": value})),
        ("weights", lambda: fnn.Cases([[0.0]], [[0.0]], weights=value)), ("z", lambda: fnn.relu(value)),
        ("batch 1 of epoch 1: x", lambda: fnn.train(P, [(value, [[1.0]])], eta=0.1, epochs=1)),
        ("state: weight", lambda: fnn.from_torch({"weight": value, "bias": [0.0]}, hidden=(), output=fnn.relu)),
    ]  # fmt: skip
    for name, call in calls:
        with pytest.raises(
            (kind, fnn.BatchError), match=f"^{name}: can't be made an array: {error}".replace("()", ".*")
        ):
            call()


def test_no_memory_is_no_fault_of_the_value() -> None:
    value: Any = Tensor(MemoryError())
    with pytest.raises(MemoryError):
        fnn.forward(P, value)


@pytest.mark.parametrize(
    "labels", [["no", "yes"], np.array(["no", "yes"]), np.array(["no", "yes"], object), [b"n", b"y"]]
)
def test_text_says_how(labels: Any) -> None:
    x = [[0.0, 1.0], [1.0, 0.0]]
    for call in (fnn.error, fnn.accuracy):
        with pytest.raises(
            TypeError, match=r"needs real numbers, got dtype .*; .* np\.unique\(\.\., return_inverse=True"
        ):
            call(P, x, labels)
    _, numbers = np.unique(labels, return_inverse=True)
    assert fnn.accuracy(P, x, numbers) in (0.0, 0.5, 1.0)


def test_a_sparse_matrix_says_how() -> None:
    scipy_sparse: Any = import_module("scipy.sparse")
    for sparse in (scipy_sparse.eye_array(2).tocsr(), scipy_sparse.coo_matrix(np.eye(2))):
        for value in (sparse, [sparse, sparse]):
            with pytest.raises(TypeError, match=r"^x: needs real numbers, got dtype object; .* toarray\(\)$"):
                fnn.forward(P, value)
        assert_array_equal(fnn.forward(P, sparse.toarray()), fnn.forward(P, np.eye(2)))


class Frame:
    """A data frame in the manner of Polars: `dtypes` is a list, and columns are taken by ``frame[:, i]``."""

    def __init__(self, **columns: Any) -> None:
        self.columns = list(columns)
        self._arrays = [np.asarray(column) for column in columns.values()]
        self.dtypes = [f"Type({array.dtype})" for array in self._arrays]

    def __len__(self) -> int:
        return len(self._arrays[0])

    def __getitem__(self, key: tuple[slice, int]) -> NDArray[Any]:
        return self._arrays[key[1]]


def test_a_frame_of_another_library() -> None:
    frame: Any = Frame(a=[1, 2], b=[True, False], c=[0.5, 1.5])
    assert_array_equal(real_array("x", frame), [[1, 1, 0.5], [2, 0, 1.5]])
    bad: Any = Frame(a=[1, 2], b=[0.5, np.inf])
    with pytest.raises(
        ValueError,
        match=r"^x: NaN or infinity in column 'b' in row 1; fill what is missing, such as by \.fillna\(\.\.\)$",
    ):
        fnn.forward(P, bad)
    text: Any = Frame(a=[1, 2], b=["u", "v"])
    with pytest.raises(
        TypeError, match=r"^x: column 'b' needs real numbers, got dtype Type\(<U1\); a category becomes"
    ):
        fnn.forward(P, text)
