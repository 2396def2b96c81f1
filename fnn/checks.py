"""What the public functions require of their numbers: clear errors at the boundary."""

from typing import SupportsFloat, SupportsIndex

import numpy as np


def whole(name: str, value: SupportsIndex, *, at_least: int) -> int:
    """The value as an int; TypeError if it isn't a whole number, ValueError if it is below `at_least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{name}: needs a whole number, got {value!r}")
    number = value.__index__()
    if number < at_least:
        raise ValueError(f"{name}: must be at least {at_least}, got {number}")

    return number


def positive(name: str, value: SupportsFloat) -> float:
    """The value as a float; TypeError if it isn't a number, ValueError if it isn't finite and above 0."""
    if type(value) is not float and (isinstance(value, str) or not isinstance(value, SupportsFloat)):
        raise TypeError(f"{name}: needs a number, got {value!r}")
    number = float(value)
    if not 0 < number < np.inf:
        raise ValueError(f"{name}: must be finite and above 0, got {number}")

    return number
