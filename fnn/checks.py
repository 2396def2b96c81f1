"""What the public functions require of their numbers: clear errors at the boundary."""

from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray


def whole(name: str, value: SupportsIndex, *, at_least: int, at_most: int | None = None) -> int:
    """The value as an int; TypeError if it isn't a whole number, ValueError if it is out of range."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name}: needs a whole number, got {value!r}")
    number = value.__index__()
    if number < at_least:
        raise ValueError(f"{name}: must be at least {at_least}, got {number}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name}: must be at most {at_most}, got {number}")

    return number


def positive(name: str, value: SupportsFloat) -> float:
    """The value as a float; TypeError if it isn't a number, ValueError if it isn't finite and above 0."""
    if type(value) is not float and (not isinstance(value, SupportsFloat) or getattr(value, "ndim", 0) > 0):
        raise TypeError(f"{name}: needs a number, got {value!r}")
    number = float(value)
    if not 0 < number < np.inf:
        raise ValueError(f"{name}: must be finite and above 0, got {number}")

    return number


def real_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """The value as an array of real numbers; TypeError if it isn't one."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name}: can't be made an array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: needs real numbers, got dtype {array.dtype}")

    return array
