"""Checks of the arguments of public functions. Every error names the argument, what it must be and what it was."""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.calls import needs

_REAL: Final = "fiub"  # kinds of dtypes
_NUMBERS: Final = frozenset((bool, int, float))
_LABELS: Final = "; text becomes labels by classes, labels = np.unique(.., return_inverse=True)"
_OF_TEXT: Final = {
    "x": "; a category becomes a column of 0 and 1 for each value by pandas.get_dummies(..), numbers as text become "
    "numbers by .astype(float)",
    "y": f"{_LABELS}, numbers as text numbers by .astype(float)",
    "labels": _LABELS,
}
_FEW: Final = 1000  # numbers in lists whose types take less time to look at than NaN takes to find, or not much more


@contextmanager
def prefixed(prefix: str) -> Iterator[None]:
    """Let a TypeError or ValueError that is raised inside begin with a prefix, such as the name of an argument."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{prefix}{error}") from error


def path_of(name: str, value: object) -> str:
    """The value as a path; TypeError if it is none."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(path, str) or not path:
        raise TypeError(f"{name}: needs a path, got {repr(value).partition(chr(10))[0]:.60}")

    return path


def whole(name: str, value: SupportsIndex, *, at_least: int, at_most: int | None = None) -> int:
    """The value as an int; TypeError if it isn't a whole number, ValueError if it is out of range."""
    # isinstance with a protocol takes 4 µs.
    if type(value) is not int and (isinstance(value, (bool, np.bool_)) or not isinstance(value, SupportsIndex)):
        raise needs(name, "a whole number", value)
    try:
        number = value.__index__()
    except TypeError:  # an array of floats has the method, too
        raise needs(name, "a whole number", value) from None
    if number < at_least:
        raise ValueError(f"{name}: must be at least {at_least}, got {number}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name}: must be at most {at_most}, got {number}")

    return number


def flag(name: str, value: bool) -> bool:
    """The value as a bool; TypeError if it is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise needs(name, "True or False", value)

    return bool(value)


def number(name: str, value: SupportsFloat) -> float:
    """The value as a float; TypeError if it is no number."""
    if type(value) is not float:
        is_number = isinstance(value, SupportsFloat) and not isinstance(value, bool | np.bool_)
        if not is_number or getattr(value, "ndim", 0) > 0:
            raise needs(name, "a number", value)
    try:
        return float(value)
    except OverflowError:  # of an int
        raise ValueError(f"{name}: is beyond float64") from None
    except ValueError:  # of an array of strings
        raise needs(name, "a number", value) from None


def finite(name: str, value: SupportsFloat) -> float:
    """The value as a float; TypeError if it is no number, ValueError unless it is finite."""
    x = number(name, value)
    if not math.isfinite(x):
        raise ValueError(f"{name}: must be finite, got {x}")

    return x


def positive(name: str, value: SupportsFloat, dtype: np.dtype[Any] | None = None) -> float:
    """The value as a float; TypeError if it is no number, ValueError unless it is finite and above 0, in dtype too."""
    x = number(name, value)
    if not 0 < x < np.inf:
        raise ValueError(f"{name}: must be finite and above 0, got {x}")
    if dtype is not None and not 1e-37 < x < 1e38:  # near the limits of float32
        with np.errstate(over="ignore", under="ignore"):
            if not 0 < dtype.type(x) < np.inf:
                raise ValueError(f"{name}: {x} is beyond {dtype}")

    return x


def real(
    name: str, value: SupportsFloat, *, at_least: float, below: float = np.inf, dtype: np.dtype[Any] | None = None
) -> float:
    """The value as a float; TypeError if it is no number, ValueError unless it is in range and finite, in dtype too."""
    x = number(name, value)
    if not at_least <= x < below:
        limits = f"at least {at_least:g} and below {below:g}" if below < np.inf else f"finite and at least {at_least:g}"
        raise ValueError(f"{name}: must be {limits}, got {x}")
    if dtype is not None and x > float(np.finfo(dtype).max):
        raise ValueError(f"{name}: {x} is beyond {dtype}")

    return x


def real_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """The value as an array of real numbers; TypeError if it isn't one, or has masked elements.

    It may be a data frame whose columns are numbers: ValueError if one holds NaN or infinity, which names it.
    """
    if type(value) is np.ndarray:
        array = value
    elif hasattr(value, "columns") and hasattr(value, "dtypes"):
        array = _array_of_frame(name, value)
    else:
        array = _as_array(name, value)
        if _has_mask(value, array):
            raise TypeError(
                f"{name}: has masked elements, which fnn doesn't support; leave them out, or fill them by filled()"
            )
    if array.dtype.kind not in _REAL:
        raise TypeError(f"{name}: needs real numbers, got dtype {array.dtype}{_advice(name, array)}")

    return array


def _as_array(name: str, value: Any, dtype: type[Any] | None = None) -> NDArray[Any]:
    """The value as an array; an error that names it, where NumPy's own or that of a tensor doesn't."""
    try:
        return np.asarray(value, dtype)
    except MemoryError:
        raise
    except Exception as error:  # rows of different lengths; a tensor with a gradient, or of bfloat16: of any type
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name}: can't be made an array: {error}") from None


def _has_mask(value: Any, array: NDArray[Any]) -> bool:
    """Whether the value has a masked element, itself or in lists, from which the array was made."""
    if type(value) is not list and (not isinstance(value, Sequence) or isinstance(value, str | bytes)):
        return bool(np.ma.is_masked(value))
    items = value
    for depth in range(1, array.ndim + 1):
        if depth == array.ndim and array.size > _FEW and not (array.dtype.kind == "f" and np.isnan(array).any()):
            return False  # they are numbers, and a masked one would have become NaN
        if depth > 1:
            items = list(chain.from_iterable(items))
        kinds = set(map(type, items))
        if kinds == {list}:
            continue
        if kinds <= _NUMBERS:
            return False
        if any(issubclass(kind, np.ma.MaskedArray) for kind in kinds) and any(map(np.ma.is_masked, items)):
            return True
        items = [item for item in items if isinstance(item, Sequence)]
        if not items:
            return False

    return False


def _array_of_frame(name: str, frame: Any) -> NDArray[Any]:
    """The columns of a data frame side by side; an error that names the one that isn't made of finite numbers."""
    labels, dtypes = list(frame.columns), list(frame.dtypes)
    is_plain = all(isinstance(dtype, np.dtype) and dtype.kind in _REAL for dtype in dtypes)
    array = _as_array(name, frame) if is_plain else None
    if array is None or array.dtype.kind not in _REAL:  # of several kinds, or nullable
        columns = [frame.iloc[:, i] if hasattr(frame, "iloc") else frame[:, i] for i in range(len(labels))]
        array = np.stack([_column(name, *parts) for parts in zip(labels, columns, dtypes, strict=True)], axis=1)
    if array.dtype.kind == "f" and not (is_finite := np.isfinite(array)).all():
        row, column = np.argwhere(~is_finite)[0]
        place = f"column {labels[column]!r} in row {row}"
        raise ValueError(f"{name}: NaN or infinity in {place}; fill what is missing, such as by .fillna(..)")

    return array


def _column(name: str, label: object, column: Any, dtype: Any) -> NDArray[Any]:
    """A column of a data frame; NaN for its missing numbers."""
    place = f"{name}: column {label!r}"
    array = _as_array(place, column)
    if array.dtype.kind not in _REAL and getattr(dtype, "kind", "O") in _REAL:  # nullable
        array = _as_array(place, column, np.float64)
    if array.dtype.kind not in _REAL:
        raise TypeError(f"{place} needs real numbers, got dtype {dtype}{_advice(name, array)}")

    return array


def _advice(name: str, array: NDArray[Any]) -> str:
    """What to do with an array that isn't made of real numbers, by its first element."""
    first = next(array.flat, None)
    if isinstance(first, str | bytes):
        return _OF_TEXT.get(name, "")
    if hasattr(first, "toarray"):
        return "; a sparse matrix becomes an array by toarray()"

    return "; numbers in an array of objects become an array by .astype(float)" if array.dtype.kind == "O" else ""


def is_one_case(name: str, array: NDArray[Any], units: int) -> bool:
    """Whether an array is one case, (units,), or at least one, (N, units); ValueError if it is neither."""
    if array.ndim and array.shape[0] == 0:
        raise ValueError(f"{name}: needs at least one case, got shape {array.shape}")
    if array.ndim not in (1, 2):
        raise ValueError(f"{name}: needs shape ({units},) or (N, {units}), got {array.shape}")
    if array.shape[-1] != units:
        raise ValueError(f"{name}: has {array.shape[-1]} columns, but the network has {units} inputs")

    return array.ndim == 1


def require_output(name: str, array: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...] | None = None) -> None:
    """Raise TypeError or ValueError unless kernels can write to an array: contiguous, of this dtype and shape."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{name}: needs an array of {dtype}, got {got}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name}: needs shape {shape}, got {array.shape}")
    if not array.flags.carray:
        raise ValueError(f"{name}: needs to be C-contiguous and writable")


def require_apart(
    name: str, array: NDArray[Any], other_name: str, other: NDArray[Any], *, or_equal: bool = False
) -> None:
    """Raise ValueError if two contiguous arrays overlap; with `or_equal` they may be the same memory."""
    if not np.may_share_memory(array, other):
        return
    start, other_start = (a.__array_interface__["data"] for a in (array, other))
    if not (or_equal and array.shape == other.shape and start == other_start):
        raise ValueError(f"{name}: overlaps {other_name} in memory")
