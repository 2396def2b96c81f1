"""From the arrays of a caller to those that kernels take, or a clear error."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NoReturn, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.checks import is_one_case, positive, real_array
from fnn.data.faults import FAULTS
from fnn.data.kernels import faults
from fnn.data.kernels.cases import SUM_TOLERANCE, fault_kernel
from fnn.data.rows import NO_LABELS, NO_WEIGHTS, CaseArrays, RowSources, as_labels, cast, is_to_fetch, sources_of
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params


def convert(
    params: Params[DT], x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None,
    class_weights: NDArray[Any] | None, scale: float, loss: Loss, whole: bool = False,
    may_weigh_nothing: bool = False,
) -> CaseArrays[DT]:  # fmt: skip
    """Check the shapes of the cases of a call and convert them to what kernels take.

    Unless `whole`, large arrays that kernels can't take as they are become sources. Their numbers are checked here, and
    so are cases with targets of float16.
    """
    factor, dtype, tolerance = scale_of(params, scale), params.dtype, sum_tolerance(y.dtype)
    if whole:
        x, y, factor = cast(dtype, x, factor), y if y.ndim < 2 else cast(dtype, y), 1.0  # labels have one axis
    arrays = _converted(params, x, y, weights, factor, loss)
    if class_weights is not None:
        outputs, chunks = params.sizes[-1], arrays.chunks()
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):  # what isn't finite is refused
            factors = np.concatenate(
                [_weights_by_class(class_weights, part, outputs, loss, top, tolerance) for top, part in chunks]
            )
            arrays = arrays._replace(weights=arrays.weights * factors if arrays.weights.size else factors)
    if arrays.sources is not None:
        arrays = arrays._replace(sources=sources_of(arrays, dtype, arrays.sources.scale))
    elif tolerance == SUM_TOLERANCE:
        return arrays
    require_no_fault(params, arrays, loss, tolerance, may_weigh_nothing=may_weigh_nothing)

    return arrays._replace(is_checked=True)


def sum_tolerance(dtype: np.dtype[Any]) -> float:
    """How far the sum of probabilities may be from 1 if they were given in this dtype.

    Rounding to float16 changes each by at most 2⁻¹¹ of itself, and so does the division by their sum before.
    """
    return 2 * float(np.finfo(dtype).eps) if dtype.kind == "f" and dtype.itemsize == 2 else SUM_TOLERANCE


def _converted(
    params: Params[DT], x: NDArray[Any], y: NDArray[Any], weights: NDArray[Any] | None, scale: float, loss: Loss
) -> CaseArrays[DT]:
    dtype, outputs = params.flat_buffer.dtype, params.architecture.sizes[-1]
    rows, single, is_source = rows_of(params, x, scale)
    count = len(rows)
    case_weights = NO_WEIGHTS if weights is None else _weights(weights, count, single)
    expected = (outputs,) if single else (count, outputs)
    labels, targets = NO_LABELS, np.empty((0, outputs), dtype)
    if loss.targets.labels and y.dtype.kind in "iub" and y.ndim == len(expected) - 1:
        _require_count("y", y.reshape(-1), count)
        is_targets_source = is_to_fetch(y, NO_LABELS.dtype)
        labels = y if is_targets_source else as_labels(y.reshape(-1))
    elif y.shape != expected and not (outputs == 1 and y.shape == expected[:-1]):
        raise ValueError(f"y: needs shape {expected}, got {y.shape}{_hint(y, expected, loss)}")
    else:
        targets, is_targets_source = _taken(dtype, y.reshape(-1, outputs), "y", 1.0)
    sources = RowSources(dtype, scale if is_source else 1.0, NO_LABELS) if is_source or is_targets_source else None

    return CaseArrays(rows, targets, labels, case_weights, single, sources)


def _hint(y: NDArray[Any], expected: tuple[int, ...], loss: Loss) -> str:
    """What the caller may have meant by targets of another shape."""
    outputs = expected[-1]
    if y.ndim == len(expected) - 1 and loss.targets.labels:
        return f", or labels, which must be integers: got {y.dtype}"
    if loss.targets.labels and y.dtype.kind in "iub" and y.shape[-1:] == (1,) != expected[-1:]:
        return "; labels have one axis: y.ravel()"
    if y.ndim == len(expected) - 1 and y.dtype.kind in "iub" and outputs > 1:
        return f"; for labels, use loss=fnn.cross_entropy or fnn.one_hot(labels, {outputs})"

    return ""


def is_plain(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether the value is an array that kernels take as it is, the short way for small calls."""
    return type(value) is np.ndarray and value.dtype is dtype and value.flags.carray


def plain_arrays(params: Params[DT], x: Any, y: Any) -> tuple[NDArray[DT], NDArray[DT]] | None:
    """The inputs and targets of a call as matrices if kernels take x and y as they are, likewise; else None."""
    dtype, sizes = params.flat_buffer.dtype, params.architecture.sizes
    if not (is_plain(x, dtype) and is_plain(y, dtype)):
        return None
    if x.ndim == y.ndim == 1:
        x, y = x.reshape(1, -1), y.reshape(1, -1)
    cases = len(x) if x.ndim else 0
    if cases == 0 or x.shape != (cases, sizes[0]) or y.shape != (cases, sizes[-1]):
        return None

    return x, y


def inputs_of(params: Params[DT], x: ArrayLike) -> tuple[NDArray[DT], bool]:
    """X as (N, n_0) in the dtype of params, and whether it is one case, (n_0,)."""
    rows, single, is_source = rows_of(params, x, 1.0)

    return cast(params.flat_buffer.dtype, rows) if is_source else rows, single


def rows_of(params: Params[DT], x: ArrayLike, scale: float) -> tuple[NDArray[DT], bool, bool]:
    """X as (N, n_0), whether it is one case, (n_0,), and whether it is to be cast and scaled as it is fetched."""
    array, is_source = _taken(params.flat_buffer.dtype, x, "x", scale)
    units = params.architecture.sizes[0]
    single = is_one_case("x", array, units)

    return array.reshape(1, units) if single else array, single, is_source


def _weights(array: NDArray[Any], count: int, single: bool) -> NDArray[np.float64]:
    """The cases' weights as (N,) float64."""
    if array.ndim != (0 if single else 1):
        raise ValueError(f"weights: needs one weight a case, shape {() if single else (count,)}, got {array.shape}")
    flat = array.reshape(-1)
    _require_count("weights", flat, count)

    return cast(NO_WEIGHTS.dtype, flat)


def _weights_by_class(
    k: NDArray[Any], cases: CaseArrays[Any], outputs: int, loss: Loss, first: int, tolerance: float
) -> NDArray[np.float64]:
    """Σ_d k_d p_d for each case, where p_d is the probability of class d by its target; k of a label's class."""
    y, labels, classes = cases.y, cases.labels, max(outputs, 2)
    if k.shape != (classes,):
        raise ValueError(f"class_weights: needs one weight a class, shape ({classes},), got {k.shape}")
    bad = np.flatnonzero(~((k >= 0) & np.isfinite(cast(y.dtype, k))))
    if bad.size:
        raise ValueError(f"class_weights: {_wrong_weight(k[bad[0]], y.dtype)} for class {bad[0]}")
    k = k.astype(np.float64)
    if labels.size:
        return k[np.clip(labels, 0, len(k) - 1)]  # the kernels refuse labels out of range
    low, high = loss.targets.label_values
    p = (y.astype(np.float64) - low) / (high - low)
    if outputs == 1:
        p = np.concatenate([1 - p, p], axis=1)
    names_class = (p >= 0).all(axis=1) & (np.abs(p.sum(axis=1) - 1) <= tolerance)
    bad = np.flatnonzero(~names_class & np.isfinite(y).all(axis=1))  # the kernels refuse NaN
    if bad.size:
        raise ValueError(
            f"class_weights: need targets that name a class, by a label, one-hot or by probabilities; "
            f"got {y[bad[0]]} in row {first + bad[0]} of y"
        )

    return np.asarray(p @ k)


def _require_count(name: str, array: NDArray[Any], count: int) -> None:
    """Raise ValueError if an array has another number of cases than x."""
    if len(array) != count:
        raise ValueError(f"{name}: has {len(array)} cases, but x has {count}")


def cast_to(dtype: np.dtype[DT], value: ArrayLike, name: str) -> NDArray[DT]:
    """The value as an array of the dtype that kernels take: the value itself if it is one (0.2 µs)."""
    if type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        return value

    return cast(dtype, real_array(name, value))


def scale_of(params: Params[Any], scale: SupportsFloat) -> float:
    """The scale of x, rounded to the dtype of params."""
    factor = positive("scale", scale, params.dtype)
    with np.errstate(under="ignore") if factor < 1e-37 else nullcontext():
        return float(params.dtype.type(factor))


def _taken(dtype: np.dtype[DT], value: ArrayLike, name: str, scale: float) -> tuple[NDArray[DT], bool]:
    """The value cast and scaled or, if kernels are to fetch it, as it is; and whether they are."""
    if scale == 1 and type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        return value, False
    array = real_array(name, value)
    if is_to_fetch(array, dtype, scale):
        return array, True

    return cast(dtype, array, scale), False


def require_no_fault(
    params: Params[DT], batch: CaseArrays[DT], loss: Loss, tolerance: float = SUM_TOLERANCE,
    *, may_weigh_nothing: bool = False,
) -> None:  # fmt: skip
    """Raise ValueError if the cases hold NaN, infinity, or targets or weights that are out of range."""
    find, code, words = fault_kernel[params.dtype], params.activations[-1].code, loss.descriptor_address(params.dtype)
    found: list[tuple[int, int]] = []
    for top, piece in [(0, batch)] if batch.sources is None else batch.chunks():
        weights = piece.weights if batch.sources is None else NO_WEIGHTS
        fault, row = find(piece.x, piece.y, piece.labels, weights, params.sizes[-1], code, words, tolerance)
        found.append((fault, top + row))
    if batch.sources is not None:
        found.append(_fault_of_weights(params, batch.weights))  # as a whole, because of their sum
    ignored = {faults.FINE}
    if may_weigh_nothing and batch.weights.size and batch.weights.max() < 1:  # else their sum is too large
        ignored.add(faults.NO_WEIGHT)
    ranked = [(FAULTS[fault].rank, row, fault) for fault, row in found if fault not in ignored]
    if ranked:
        _, row, fault = min(ranked)
        raise_fault(params, batch, loss, fault, row)


def _fault_of_weights(params: Params[Any], weights: NDArray[np.float64]) -> tuple[int, int]:
    none = np.empty((len(weights), 0), params.dtype)
    words = squared_error.descriptor_address(params.dtype)

    return fault_kernel[params.dtype](none, none, NO_LABELS, weights, 0, 0, words, SUM_TOLERANCE)


def require_weight(params: Params[DT], batch: CaseArrays[DT]) -> None:
    """Raise ValueError if the cases that are chosen weigh nothing."""
    if batch.chosen.size and batch.weights.size:
        fault, row = _fault_of_weights(params, batch.weights[batch.chosen])
        if fault != faults.FINE:
            raise_fault(params, batch, None, fault, row)


def raise_fault(params: Params[DT], batch: CaseArrays[DT], loss: Loss | None, fault: int, row: int) -> NoReturn:
    """Raise the error of `FAULTS` for what `find_fault` found, with the row, the value and the limits."""
    details = "" if batch.single or fault in (faults.NO_WEIGHT, faults.ONE_UNIT) else f" in row {row}"
    if fault in (faults.BAD_X, faults.BAD_Y) and params.dtype != np.float64:
        details = f" or a value beyond {params.dtype}{details}"
    if fault == faults.BAD_WEIGHT:
        raise FAULTS[fault].error(f"weights: {_wrong_weight(batch.weights[row], params.dtype)}{details}")
    if fault == faults.NOT_A_DISTRIBUTION:
        details = f", whose sum is {batch.y[row].sum(dtype=np.float64):.6g}{details}"
        details += "; divide each row by its sum" * (params.sizes[-1] > 1)
        details += "; for a single unit use fnn.sigmoid" * (params.sizes[-1] == 1)
    values: dict[int, NDArray[Any]] = {
        faults.BAD_LABEL: batch.labels, faults.OUTSIDE: batch.y, faults.NOT_A_DISTRIBUTION: batch.y,
    }  # fmt: skip
    if fault in values:
        array = values[fault]
        shown = np.array2string(array[row], 200, threshold=10) if row < len(array) else None
        details = f", got {shown}{details}"
    message = FAULTS[fault].message.format(
        greatest=max(params.sizes[-1] - 1, 1),
        loss=f"{loss!r} with {params.activations[-1]!r}",
        targets=loss and loss.needs_targets,
    )
    raise FAULTS[fault].error(message + details)


def _wrong_weight(weight: float, dtype: np.dtype[Any]) -> str:
    """What is wrong with a weight."""
    return f"{weight} is beyond {dtype}" if 0 <= weight < np.inf else f"must be finite and at least 0, got {weight}"
