"""Cases at the boundary: from what a caller has to the arrays that the kernels take, or a clear error."""

from __future__ import annotations

from typing import Any, Final, Literal, NoReturn, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import positive, real_array
from fnn.data.class_weights import weights_by_class
from fnn.data.kernels import cases
from fnn.data.kernels.cases import fault_kernel
from fnn.data.rows import NO_LABELS, NO_WEIGHTS, CaseArrays, RowSources, as_labels, cast, is_to_fetch, sources_of
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params

Reduction = Literal["sum", "mean"]

# What is told first if there is more than one fault.
_RANKS: Final = {
    fault: rank
    for rank, faults in enumerate([
        [cases.BAD_X], [cases.BAD_Y, cases.BAD_LABEL], [cases.OUTSIDE, cases.NOT_A_DISTRIBUTION],
        [cases.BAD_WEIGHT, cases.NO_WEIGHT],
    ])
    for fault in faults
}  # fmt: skip


def batch_of(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    weights: ArrayLike | None,
    loss: Loss,
    name: str = "",
    class_weights: ArrayLike | None = None,
    *,
    scale: SupportsFloat = 1.0,
    whole: bool = True,
) -> CaseArrays[DT]:
    """Check and convert the cases of a call; `name` prefixes the arguments' names in errors.

    Unless they are wanted as a whole, large arrays that kernels can't take as they are aren't converted: the batch has
    sources, and what is in them is checked here, a piece at a time.
    """
    factor = 1.0 if type(scale) is float and scale == 1 else scale_of(params, scale)
    if factor == 1 and weights is None and class_weights is None:
        sizes, dtype = params._architecture.sizes, params._flat.dtype
        inputs, targets = plain_rows(x, sizes[0], dtype), plain_rows(y, sizes[-1], dtype)
        if inputs is not None and targets is not None and len(inputs) == len(targets):
            single = inputs is not x
            if single == (targets is not y):
                return CaseArrays(inputs, targets, NO_LABELS, NO_WEIGHTS, single)
    batch = _batch_of(params, x, y, weights, loss, name, factor, whole)
    if class_weights is not None:
        outputs = params._architecture.sizes[-1]
        of_pieces = [
            weights_by_class(class_weights, piece.y, piece.labels, outputs, loss, name, top)
            for top, piece in batch.pieces()
        ]
        class_factors = np.concatenate(of_pieces)
        with np.errstate(over="ignore", invalid="ignore"):  # what isn't finite is refused
            batch = batch._replace(weights=batch.weights * class_factors if batch.weights.size else class_factors)
    if batch.sources is None:
        return batch
    batch = batch._replace(sources=sources_of(batch, params.dtype, batch.sources.scale))
    require_no_fault(params, batch, loss, name)

    return batch


def _batch_of(
    params: Params[DT], x: ArrayLike, y: ArrayLike, weights: ArrayLike | None, loss: Loss, name: str, scale: float,
    whole: bool,
) -> CaseArrays[DT]:  # fmt: skip
    dtype = params._flat.dtype
    rows, single, is_source = rows_of(params, x, name, scale, whole)
    sources = RowSources(dtype, scale, NO_LABELS) if is_source else None
    count, outputs = len(rows), params._architecture.sizes[-1]
    case_weights = NO_WEIGHTS if weights is None else weights_of(weights, count, single, name)
    wanted = (outputs,) if single else (count, outputs)
    if type(y) is not np.ndarray or y.shape != wanted:
        target = real_array(f"{name}y", y)
        is_labels = target.dtype.kind in "iub" and target.ndim == len(wanted) - 1
        if loss.targets.labels and is_labels:
            require_count(f"{name}y", target.reshape(-1), count)
            if not whole and is_to_fetch(target, NO_LABELS.dtype):
                labels, sources = target, sources or RowSources(dtype, 1.0, NO_LABELS)
            else:
                labels = as_labels(target.reshape(-1))
            return CaseArrays(rows, np.empty((0, outputs), params.dtype), labels, case_weights, single, sources)
        if target.shape != wanted:
            hint = ""
            if outputs == 1 and target.shape == wanted[:-1]:
                hint = "; make it a column with y[:, None]"
            elif loss.targets.labels and target.ndim == len(wanted) - 1:
                hint = f", or labels, which must be integers: got {target.dtype}"
            elif is_labels:
                hint = f"; for labels, use loss=fnn.cross_entropy or fnn.one_hot(labels, {outputs})"
            raise ValueError(f"{name}y: needs shape {wanted}, got {target.shape}{hint}")
    if type(y) is np.ndarray and y.dtype is dtype and y.flags.carray:
        y_rows = y
    else:
        y_rows, is_source = _taken(dtype, y, f"{name}y", 1.0, whole)
        if is_source and sources is None:
            sources = RowSources(dtype, 1.0, NO_LABELS)

    return CaseArrays(rows, y_rows.reshape(1, outputs) if single else y_rows, NO_LABELS, case_weights, single, sources)


def plain_rows(value: ArrayLike, columns: int, dtype: np.dtype[DT]) -> NDArray[DT] | None:
    """The value as (N, columns), if it is an array that kernels take as it is: small calls need look no further."""
    if type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        shape = value.shape
        if len(shape) == 2 and shape[1] == columns and shape[0] > 0:
            return value
        if shape == (columns,):
            return value.reshape(1, columns)

    return None


def inputs_of(params: Params[DT], x: ArrayLike, name: str = "") -> tuple[NDArray[DT], bool]:
    """X as (N, n_0) in the dtype of params, and whether it was a single case."""
    return rows_of(params, x, name, 1.0, True)[:2]


def rows_of(params: Params[DT], x: ArrayLike, name: str, scale: float, whole: bool) -> tuple[NDArray[DT], bool, bool]:
    """X as (N, n_0), whether it was a single case, and whether it still has to be cast and scaled, piece by piece."""
    array, is_source = _taken(params._flat.dtype, x, f"{name}x", scale, whole)
    units = params._architecture.sizes[0]
    if array.ndim and array.shape[0] == 0:
        raise ValueError(f"{name}x: needs at least one case, got shape {array.shape}")
    if array.ndim not in (1, 2):
        raise ValueError(f"{name}x: needs shape ({units},) or (N, {units}), got {array.shape}")
    if array.shape[-1] != units:
        raise ValueError(f"{name}x: has {array.shape[-1]} columns, but the network has {units} inputs")

    return (array.reshape(1, units), True, is_source) if array.ndim == 1 else (array, False, is_source)


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

    return cast(dtype, real_array(name, value))


def scale_of(params: Params[Any], scale: SupportsFloat) -> float:
    """What x is multiplied by, as the dtype of params has it."""
    return float(params.dtype.type(positive("scale", scale, params.dtype)))


def _taken(dtype: np.dtype[DT], value: ArrayLike, name: str, scale: float, whole: bool) -> tuple[NDArray[DT], bool]:
    """The value cast and scaled or, if it is for a source, as an array of what it was; and whether it is that."""
    if scale == 1 and type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        return value, False
    array = real_array(name, value)
    if not whole and is_to_fetch(array, dtype, scale):
        return array, True

    return cast(dtype, array, scale), False


def require_no_fault(params: Params[DT], batch: CaseArrays[DT], loss: Loss, name: str = "") -> None:
    """Raise ValueError if something in the cases can't be computed with, whichever way the kernels take them."""
    find, code, words = fault_kernel[params.dtype], params.activations[-1].code, loss.descriptor_address(params.dtype)
    found: list[tuple[int, int, int]] = []
    for top, piece in [(0, batch)] if batch.sources is None else batch.pieces():
        weights = piece.weights if batch.sources is None else NO_WEIGHTS
        fault, row = find(piece.x, piece.y, piece.labels, weights, params.sizes[-1], code, words)
        if fault != cases.FINE:
            found.append((_RANKS[fault], top + row, fault))
    if batch.sources is not None:  # the weights at once, for the sake of their sum
        none = np.empty((len(batch.x), 0), params.dtype)
        fault, row = find(none, none, NO_LABELS, batch.weights, 0, 0, squared_error.descriptor_address(params.dtype))
        if fault != cases.FINE:
            found.append((_RANKS[fault], row, fault))
    if found:
        _, row, fault = min(found)
        raise_fault(params, batch, loss, fault, row, name)


def require_weight(params: Params[DT], batch: CaseArrays[DT], name: str = "") -> None:
    """Raise ValueError if a part of the cases that is chosen has no weight."""
    if batch.chosen.size and batch.weights.size:
        part = batch.weights[batch.chosen]
        none = np.empty((len(part), 0), params.dtype)
        fault, row = fault_kernel[params.dtype](
            none, none, NO_LABELS, part, 0, 0, squared_error.descriptor_address(params.dtype)
        )
        if fault != cases.FINE:
            raise_fault(params, batch, None, fault, row, name)


def raise_fault(
    params: Params[DT], batch: CaseArrays[DT], loss: Loss | None, fault: int, row: int, name: str = ""
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
    if loss.outputs:
        loss.check(params.activations[-1])
