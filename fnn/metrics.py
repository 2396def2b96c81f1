"""`one_hot`, and measures of how well a network predicts labels and targets."""

from __future__ import annotations

from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.library import log_softmax, softmax
from fnn.boundary.calls import by_name
from fnn.boundary.checks import number, real_array, whole
from fnn.data.cases import Cases, arrays_of, cases_of
from fnn.equations.forward import forward
from fnn.losses.library import squared_error
from fnn.network.params import DT, Params, require_params


@by_name
def one_hot(labels: ArrayLike, n: int, *, dtype: type[Any] = np.float64) -> NDArray[Any]:
    """One-hot rows: row c is 1 in column labels[c], and 0 elsewhere.

    Parameters
    ----------
    labels, n
        Integers 0 .. n − 1, (N,) or a single one; the number of classes.
    dtype
        np.float64 or np.float32.

    Returns
    -------
    (N, n), or (n,) for a single label.

    Raises
    ------
    ValueError, TypeError
        A label out of range (with its first row); labels of more than one dimension, or that aren't integers.

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


@by_name
def accuracy(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None = None, *, threshold: SupportsFloat = 0.5
) -> float:
    """The fraction (0 to 1) of cases whose label is that of the greatest output; of a single one, a > threshold.

    A label is never that of outputs with NaN.

    Parameters
    ----------
    params, x, labels
        The network; inputs, (N, n_0) or one case; and integers, (N,) or a single one: 0 .. n_L − 1, or with a single
        output unit 0 and 1; or one-hot rows. `Cases` in place of x and labels; each counts once, whatever its weight.
    threshold
        A single output above it predicts 1; 0 for targets −1 and 1, as for `hinge`.

    Raises
    ------
    ValueError, TypeError
        As for `forward` and `one_hot`; the lengths differ; the threshold is NaN.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    >>> fnn.accuracy(p, [[-2.0], [0.1]], [0, 1]), fnn.accuracy(p, [[-2.0], [0.1]], [0, 1], threshold=0)
    (0.5, 1.0)
    """
    a, classes = outputs_and_labels(params, x, labels)

    return float(np.mean(classes_of(a, threshold_of(threshold)) == classes))


@by_name
def top_k_accuracy(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None = None, *, k: SupportsIndex
) -> float:
    """The fraction (0 to 1) of cases whose label is among the k greatest outputs, k from 1 to n_L.

    Of equal outputs the first counts as the greater, so that k = 1 is `accuracy`; params, x and labels are as there.

    Raises
    ------
    ValueError, TypeError
        As for `accuracy`; fewer than two outputs; k out of range.

    Examples
    --------
    >>> import numpy as np, fnn
    >>> p = fnn.Params({"W1": np.eye(3), "b1": np.zeros(3)}, hidden=(), output=fnn.softmax)
    >>> fnn.top_k_accuracy(p, [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]], [1, 0], k=2)
    0.5
    """
    a, classes = outputs_and_labels(params, x, labels)
    units = a.shape[1]
    if units == 1:
        raise ValueError("params: needs two outputs or more, has 1; for a single output use fnn.accuracy")
    k = whole("k", k, at_least=1, at_most=units)

    own = np.take_along_axis(a, classes[:, None], axis=1)
    before = (a > own) | ((a == own) & (np.arange(units) < classes[:, None]))

    return float(np.mean((before.sum(axis=1) < k) & ~np.isnan(a).any(axis=1)))


@by_name
def confusion_matrix(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None = None, *, threshold: SupportsFloat = 0.5
) -> NDArray[np.int64]:
    """The number of cases of each class for which the network predicts each label.

    Parameters and errors are those of `accuracy`; and ValueError if an output is NaN.

    Returns
    -------
    (n_L, n_L), or (2, 2) for a single output unit; row: the case's label, column: the predicted one.

    Examples
    --------
    >>> import numpy as np, fnn
    >>> p = fnn.Params({"W1": np.eye(2), "b1": np.zeros(2)}, hidden=(), output=fnn.softmax)
    >>> fnn.confusion_matrix(p, [[3.0, 2.0], [1.0, 2.0], [4.0, 3.0]], [0, 1, 1])
    array([[1, 0],
           [1, 1]])
    """
    a, classes = outputs_and_labels(params, x, labels)
    n = max(a.shape[1], 2)
    predicted = classes_of(a, threshold_of(threshold))
    if (predicted < 0).any():
        raise ValueError(f"x: an output is NaN in row {np.argmin(predicted)}, so that no class is predicted")

    return np.bincount(classes * n + predicted, minlength=n**2).reshape(n, n)


@np.errstate(under="ignore")
def r2_score(params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None) -> float:
    """The fraction of the targets' variance that the network explains, R²: the mean over the output units.

        R²_d = 1 − Σ_c (a_dᴸ − y_d)² / Σ_c (y_d − mean y_d)²

    It is at most 1, 0 for a network that outputs the means and negative for a worse one. As in scikit-learn, a unit
    with a constant target counts 1 if its outputs all equal it, else 0.

    Parameters
    ----------
    params, x, y
        The network; inputs, (N, n_0), N at least 2; and targets, (N, n_L), for one output also (N,). `Cases` in place
        of x and y.

    Raises
    ------
    ValueError, TypeError
        As for `error`; fewer than two cases.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[2.0]], "b1": [0.0]}, hidden=(), output=fnn.identity)
    >>> fnn.r2_score(p, [[1.0], [2.0], [3.0]], [[2.0], [4.0], [8.0]])
    0.7857142857142857
    """
    require_params("params", params)
    cases = cases_of(x, y)
    arrays = arrays_of(params, cases, None, squared_error)
    if len(arrays.x) < 2:
        raise ValueError("x: needs at least two cases, got one")
    a, targets = forward(params, cases.x, scale=cases.scale).astype(np.float64), arrays.y.astype(np.float64)
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        a, targets = (np.ldexp(values, -_exponents(targets)) for values in (a, targets))  # squares stay in range
        difference, deviation = a - targets, targets - targets[0]
        difference, deviation = (np.ldexp(values, -_exponents(deviation)) for values in (difference, deviation))
        ratio = (difference**2).sum(axis=0) / ((deviation - deviation.mean(axis=0)) ** 2).sum(axis=0)
        is_constant = (deviation == 0).all(axis=0)
        unexplained = np.where(is_constant, np.sign(np.abs(difference).max(axis=0)), ratio)

    return float(np.mean(1 - unexplained))


def _exponents(values: NDArray[np.float64]) -> NDArray[np.intc]:
    """For each column the power of two that its largest number is below."""
    _, exponents = np.frexp(np.abs(values).max(axis=0))

    return np.asarray(exponents, np.intc)


def outputs_and_labels(
    params: Params[DT], x: ArrayLike | Cases, labels: ArrayLike | None
) -> tuple[NDArray[DT], NDArray[np.int64]]:
    """Outputs (N, n_L), and labels (N,), checked."""
    if labels is None and not isinstance(x, Cases):
        raise TypeError("labels: needs the labels, unless x is fnn.Cases(x, labels)")
    name = "labels" if labels is not None else "y"
    cases = cases_of(x, labels if labels is None else real_array(name, labels))
    require_params("params", params)
    if params.sizes[-1] == 1 and params.activations[-1] in (softmax, log_softmax):
        raise ValueError(f"params: {params.activations[-1]!r} over a single unit never changes; use fnn.sigmoid")
    outputs = forward(params, cases.x, scale=cases.scale)
    a = np.atleast_2d(outputs)
    labels = _labels(name, _labels_of_targets(cases.y, outputs.shape), max(a.shape[1], 2))
    labels = np.atleast_1d(labels).astype(np.int64)
    if len(labels) != len(a):
        raise ValueError(f"{name}: has {len(labels)} cases, but x has {len(a)}")

    return a, labels


def _labels_of_targets(y: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The labels of targets of the outputs' shape that are 0 and 1, or −1 and 1, and one-hot; others unchanged."""
    if y.shape == shape[:-1] and shape[-1] == 1 and y.dtype.kind == "f":
        y = y[..., None]
    if y.shape != shape:
        return y
    targets = np.atleast_2d(y)
    for low in (0, -1):
        is_one_hot = targets.shape[1] == 1 or ((targets == 1).sum(axis=1) == 1).all()
        if is_one_hot and np.isin(targets, (low, 1)).all():
            return classes_of(targets, (low + 1) / 2)

    return y


def threshold_of(threshold: SupportsFloat) -> float:
    """The threshold as a float; ValueError if it is NaN."""
    threshold = number("threshold", threshold)
    if np.isnan(threshold):
        raise ValueError("threshold: must be a number, got nan")

    return threshold


def classes_of(a: NDArray[Any], threshold: float) -> NDArray[np.int64]:
    """The class of each row of outputs or one-hot targets: the greatest; of a single one, whether a > threshold.

    −1, which is no class, where an output is NaN.
    """
    classes = np.argmax(a, axis=1) if a.shape[1] > 1 else (a[:, 0] > threshold).astype(np.int64)

    return np.where(np.isnan(a).any(axis=1), -1, classes)


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
