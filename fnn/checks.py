"""What the public functions require of their numbers: clear errors at the boundary."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray


@contextmanager
def prefixed(prefix: str) -> Iterator[None]:
    """Let a TypeError or ValueError that is raised inside begin with a prefix, such as the name of an argument."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{prefix}{error}") from error


def whole(name: str, value: SupportsIndex, *, at_least: int, at_most: int | None = None) -> int:
    """The value as an int; TypeError if it isn't a whole number, ValueError if it is out of range."""
    # Python takes 4 µs to find out whether something supports a protocol.
    if type(value) is not int and (isinstance(value, (bool, np.bool_)) or not isinstance(value, SupportsIndex)):
        raise TypeError(f"{name}: needs a whole number, got {value!r}")
    try:
        number = value.__index__()
    except TypeError:  # an array of floats, for which Python's isinstance is too kind
        raise TypeError(f"{name}: needs a whole number, got {value!r}") from None
    if number < at_least:
        raise ValueError(f"{name}: must be at least {at_least}, got {number}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name}: must be at most {at_most}, got {number}")

    return number


def flag(name: str, value: bool) -> bool:
    """The value as a bool; TypeError if it is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: needs True or False, got {value!r}")

    return bool(value)


def number(name: str, value: SupportsFloat) -> float:
    """The value as a float; TypeError if it is no number."""
    if type(value) is not float:
        is_number = isinstance(value, SupportsFloat) and not isinstance(value, bool | np.bool_)
        if not is_number or getattr(value, "ndim", 0) > 0:
            raise TypeError(f"{name}: needs a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:  # of a whole number
        raise ValueError(f"{name}: is beyond float64") from None
    except ValueError:  # of an array that holds a text
        raise TypeError(f"{name}: needs a number, got {value!r}") from None


def finite(name: str, value: SupportsFloat) -> float:
    """The value as a float; TypeError if it is no number, ValueError unless it is finite."""
    found = number(name, value)
    if not math.isfinite(found):
        raise ValueError(f"{name}: must be finite, got {found}")

    return found


def positive(name: str, value: SupportsFloat, dtype: np.dtype[Any] | None = None) -> float:
    """The value as a float; TypeError if it is no number, ValueError unless it is finite and above 0, in dtype too."""
    rate = number(name, value)
    if not 0 < rate < np.inf:
        raise ValueError(f"{name}: must be finite and above 0, got {rate}")
    if dtype is not None and not 1e-37 < rate < 1e38:  # where float32 may not have it
        with np.errstate(over="ignore", under="ignore"):
            if not 0 < dtype.type(rate) < np.inf:
                raise ValueError(f"{name}: {rate} is beyond {dtype}")

    return rate


def real(
    name: str, value: SupportsFloat, *, at_least: float, below: float = np.inf, dtype: np.dtype[Any] | None = None
) -> float:
    """The value as a float; TypeError if it is no number, ValueError unless it is in range and finite, in dtype too."""
    found = number(name, value)
    if not at_least <= found < below:
        limits = f"at least {at_least:g} and below {below:g}" if below < np.inf else f"finite and at least {at_least:g}"
        raise ValueError(f"{name}: must be {limits}, got {found}")
    if dtype is not None and found > float(np.finfo(dtype).max):
        raise ValueError(f"{name}: {found} is beyond {dtype}")

    return found


def real_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """The value as an array of real numbers; TypeError if it isn't one, or if some of it is masked."""
    if np.ma.is_masked(value):
        raise TypeError(f"{name}: some of it is masked, which fnn doesn't know; leave it out, or fill it by filled()")
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name}: can't be made an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: needs real numbers, got dtype {array.dtype}")

    return array


def require_arrays(
    arrays: Mapping[str, NDArray[Any]],
    specs: Mapping[str, tuple[type[Any], tuple[int, ...]]],
    finite: Iterable[str] = (),
) -> None:
    """Raise ValueError unless there are just these arrays, of these dtypes and shapes, with finite numbers in some."""
    if set(arrays) != set(specs):
        raise ValueError(f"it needs the arrays {', '.join(specs)}, it has {', '.join(arrays) or 'none'}")
    for name, (dtype, shape) in specs.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"{name}: needs {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")
    for name in finite:
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name}: has a number that isn't finite")


def require_output(name: str, array: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...] | None = None) -> None:
    """Raise TypeError or ValueError unless kernels can write there: of this dtype, of the shape if one is given."""
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
    """Raise ValueError if two contiguous arrays overlap, unless they are allowed to be the very same numbers."""
    if not np.may_share_memory(array, other):
        return
    start, other_start = (a.__array_interface__["data"] for a in (array, other))
    if not (or_equal and array.shape == other.shape and start == other_start):
        raise ValueError(f"{name}: overlaps {other_name} in memory")
