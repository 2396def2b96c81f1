"""Labels and how well they are met."""

from __future__ import annotations

from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.backprop import forward
from fnn.checks import number, real_array, whole
from fnn.params import DT, Params


def one_hot(labels: ArrayLike, n: int, *, dtype: type[Any] = np.float64) -> NDArray[Any]:
    """Row c is 0 everywhere but for a 1 in column labels[c].

    Parameters
    ----------
    labels
        Integers 0 .. n − 1, (N,) or a single one.
    n
        The number of classes.
    dtype
        np.float64 or np.float32.

    Returns
    -------
    (N, n), or (n,) for a single label.

    Raises
    ------
    ValueError
        A label out of range (with the first row), or labels of more than one dimension.
    TypeError
        Labels that aren't integers.

    Examples
    --------
    >>> import fnn
    >>> fnn.one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    classes = whole("n", n, at_least=1)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype: needs np.float32 or np.float64, got {dtype!r}")
    array = _labels("labels", labels, classes)

    rows = np.zeros((*array.shape, classes), dtype)
    np.put_along_axis(rows, array[..., None], 1, axis=-1)

    return rows


def accuracy(params: Params[DT], x: ArrayLike, labels: ArrayLike, *, threshold: SupportsFloat = 0.5) -> float:
    """The fraction of cases whose label the network gives: its greatest output; of a single one, whether a > threshold.

    Parameters
    ----------
    params
        The network.
    x
        (N, n_0), or one case.
    labels
        Integers, (N,) or a single one: 0 .. n_L − 1, or with a single output unit 0 and 1.
    threshold
        What a single output must be above to mean 1: 0 if its targets were −1 and 1, as for `hinge`.

    Returns
    -------
    0 to 1.

    Raises
    ------
    ValueError, TypeError
        As `forward` and `one_hot` do; the lengths differ, or the threshold is NaN.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    >>> fnn.accuracy(p, [[-2.0], [0.1]], [0, 1]), fnn.accuracy(p, [[-2.0], [0.1]], [0, 1], threshold=0)
    (0.5, 1.0)
    """
    middle = number("threshold", threshold)
    if np.isnan(middle):
        raise ValueError("threshold: must be a number, got nan")
    a = np.atleast_2d(forward(params, x))
    wanted = np.atleast_1d(_labels("labels", labels, max(params.sizes[-1], 2)))
    if len(wanted) != len(a):
        raise ValueError(f"labels: has {len(wanted)} cases, but x has {len(a)}")

    return float(np.mean(classes_of(a, middle) == wanted))


def classes_of(a: NDArray[Any], middle: float) -> NDArray[np.int64]:
    """The class that each row of outputs (or of one-hot targets) stands for; for a single one, whether a > middle."""
    return np.argmax(a, axis=1) if a.shape[1] > 1 else (a[:, 0] > middle).astype(np.int64)


def _labels(name: str, labels: ArrayLike, classes: int) -> NDArray[Any]:
    array = real_array(name, labels)
    if array.dtype.kind not in "iub" and array.size > 0:
        raise TypeError(f"{name}: needs integers, got dtype {array.dtype}")
    if array.ndim > 1:
        raise ValueError(f"{name}: needs shape (N,), got {array.shape}")
    if array.dtype.kind == "b" or array.size == 0:
        array = array.astype(np.int64)
    bad = np.flatnonzero((array < 0) | (array >= classes))
    if bad.size:
        raise ValueError(f"{name}: must be 0 to {classes - 1}, got {array.reshape(-1)[bad[0]]} in row {bad[0]}")

    return array
