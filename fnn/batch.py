"""Cases at the boundary: from what a caller has to the arrays that the kernels take, or a clear error."""

from __future__ import annotations

from typing import Any, Final, Generic, Literal, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import real_array
from fnn.class_weights import shares_of_classes
from fnn.kernels import cases
from fnn.kernels.descend import fault_kernel
from fnn.loss import Loss
from fnn.params import DT, Params

Reduction = Literal["sum", "mean"]

NO_LABELS: Final[NDArray[np.int64]] = np.empty(0, np.int64)
NO_WEIGHTS: Final[NDArray[np.float64]] = np.empty(0)


class Batch(NamedTuple, Generic[DT]):
    """What the kernels take; of `y` and `labels` one is empty, and `weights` is if each case weighs 1."""

    x: NDArray[DT]  # (N, n_0)
    y: NDArray[DT]  # (N, n_L)
    labels: NDArray[np.int64]  # (N,)
    weights: NDArray[np.float64]  # (N,)
    single: bool  # the caller gave one case, without the axis of cases


def batch_of(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    weights: ArrayLike | None,
    loss: Loss,
    name: str = "",
    class_weights: ArrayLike | None = None,
) -> Batch[DT]:
    """Check and convert the cases of a call; `name` prefixes the arguments' names in errors."""
    batch = _batch_of(params, x, y, weights, loss, name)
    if class_weights is None:
        return batch
    shares = shares_of_classes(class_weights, batch.y, batch.labels, params._architecture.sizes[-1], loss, name)

    with np.errstate(over="ignore", invalid="ignore"):  # what isn't finite is refused
        return batch._replace(weights=batch.weights * shares if batch.weights.size else shares)


def _batch_of(
    params: Params[DT], x: ArrayLike, y: ArrayLike, weights: ArrayLike | None, loss: Loss, name: str
) -> Batch[DT]:
    rows, single = inputs_of(params, x, name)
    count, outputs = len(rows), params._architecture.sizes[-1]
    case_weights = NO_WEIGHTS if weights is None else weights_of(weights, count, single, name)
    wanted = (outputs,) if single else (count, outputs)
    if type(y) is not np.ndarray or y.shape != wanted:
        target = real_array(f"{name}y", y)
        is_labels = target.dtype.kind in "iub" and target.ndim == len(wanted) - 1
        if loss.targets.labels and is_labels:
            require_count(f"{name}y", target.reshape(-1), count)
            if target.dtype == np.uint64:
                target = np.minimum(target, np.uint64(2**63 - 1))  # or it might become negative
            labels = target.reshape(-1).astype(np.int64)
            return Batch(rows, np.empty((0, outputs), params.dtype), labels, case_weights, single)
        if target.shape != wanted:
            hint = ""
            if outputs == 1 and target.shape == wanted[:-1]:
                hint = "; make it a column with y[:, None]"
            elif loss.targets.labels and target.ndim == len(wanted) - 1:
                hint = f", or labels, which must be integers: got {target.dtype}"
            elif is_labels:
                hint = f"; for labels, use loss=fnn.cross_entropy or fnn.one_hot(labels, {outputs})"
            raise ValueError(f"{name}y: needs shape {wanted}, got {target.shape}{hint}")
    y_rows = cast_to(params._flat.dtype, y, f"{name}y")

    return Batch(rows, y_rows.reshape(1, outputs) if single else y_rows, NO_LABELS, case_weights, single)


def inputs_of(params: Params[DT], x: ArrayLike, name: str = "") -> tuple[NDArray[DT], bool]:
    """X as (N, n_0) in the dtype of params, and whether it was a single case."""
    array = cast_to(params._flat.dtype, x, f"{name}x")
    units = params._architecture.sizes[0]
    if array.ndim and array.shape[0] == 0:
        raise ValueError(f"{name}x: needs at least one case, got shape {array.shape}")
    if array.ndim not in (1, 2):
        raise ValueError(f"{name}x: needs shape ({units},) or (N, {units}), got {array.shape}")
    if array.shape[-1] != units:
        raise ValueError(f"{name}x: has {array.shape[-1]} columns, but the network has {units} inputs")

    return (array.reshape(1, units), True) if array.ndim == 1 else (array, False)


def weights_of(weights: ArrayLike, count: int, single: bool, name: str) -> NDArray[np.float64]:
    """The cases' weights as (N,) float64."""
    array = real_array(f"{name}weights", weights)
    if array.ndim != (0 if single else 1):
        raise ValueError(
            f"{name}weights: needs one weight a case, shape {() if single else (count,)}, got {array.shape}"
        )
    require_count(f"{name}weights", array.reshape(-1), count)

    return np.ascontiguousarray(array.reshape(-1), np.float64)


def require_count(name: str, array: NDArray[Any], count: int) -> None:
    """Raise ValueError if an array has another number of cases than x."""
    if len(array) != count:
        raise ValueError(f"{name}: has {len(array)} cases, but x has {count}")


def cast_to(dtype: np.dtype[DT], value: ArrayLike, name: str) -> NDArray[DT]:
    """The value as a C-contiguous, aligned array of the dtype; itself if it is one already, which takes 0.2 µs."""
    if type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        return value
    array = real_array(name, value)
    with np.errstate(over="ignore"):  # a float64 too large for float32 becomes infinite, and is then refused
        return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def require_no_fault(params: Params[DT], batch: Batch[DT], loss: Loss, name: str = "") -> None:
    """Raise ValueError if something in the cases can't be computed with."""
    x, y, labels, weights, _ = batch
    code = params.activations[-1].code
    fault, row = fault_kernel[params.dtype](x, y, labels, weights, params.sizes[-1], code, loss.at(params.dtype))
    if fault != cases.FINE:
        raise_fault(params, batch, loss, fault, row, name)


def raise_fault(
    params: Params[DT], batch: Batch[DT], loss: Loss | None, fault: int, row: int, name: str = ""
) -> NoReturn:
    """The error for what `find_fault` found."""
    place = "" if batch.single else f" in row {row}"
    output, outputs, limit = (
        params.activations[-1],
        params.sizes[-1],
        "" if params.dtype == np.float64 else f" or a value beyond {params.dtype}",
    )
    greatest, targets = max(outputs - 1, 1), loss.needs_targets if loss else ""
    raise ValueError(
        {
            cases.BAD_X: f"{name}x: NaN or infinity{limit}{place}",
            cases.BAD_Y: f"{name}y: NaN or infinity{limit}{place}",
            cases.BAD_LABEL: f"{name}y: labels must be 0 to {greatest}, got {_at(batch.labels, row)}{place}",
            cases.BAD_WEIGHT: f"{name}weights: must be finite and at least 0, got {_at(batch.weights, row)}{place}",
            cases.NO_WEIGHT: f"{name}weights: their sum must be above 0, and it and its inverse finite",
            cases.OUTSIDE: f"{name}{targets}, got {_at(batch.y, row)}{place}",
            cases.NOT_A_DISTRIBUTION: (
                f"{name}y: {loss!r} with {output!r} needs values that sum to 1, got {_at(batch.y, row)}{place}"
            ),
        }[fault]
    )


def _at(array: NDArray[Any], row: int) -> object:
    return array[row] if row < len(array) else None


def require_reduction(reduction: Reduction) -> bool:
    """Whether the reduction is "mean"; ValueError if it is neither."""
    if not isinstance(reduction, str) or reduction not in ("sum", "mean"):
        raise ValueError(f'reduction: must be "sum" or "mean", got {reduction!r}')

    return reduction == "mean"


def require_loss(params: Params[Any], loss: Loss) -> None:
    """Raise TypeError if it isn't a `Loss`, ValueError if the network's output activation doesn't suit it."""
    if not isinstance(loss, Loss):
        raise TypeError(f"loss: needs a loss such as fnn.squared_error, got {loss!r}")
    loss.check(params.activations[-1])
