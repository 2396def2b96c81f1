from collections.abc import Callable
from typing import Any

from numba.core import types

def make_array(array_type: types.Array) -> Callable[..., Any]: ...
def populate_array(array: Any, **fields: Any) -> Any: ...
