from collections.abc import Callable
from typing import Any

from numba.core import types

def make_array(array_type: types.Array) -> Callable[..., Any]: ...
