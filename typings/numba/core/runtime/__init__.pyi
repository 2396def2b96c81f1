from typing import Any, NamedTuple

from numba.core.runtime import _nrt_python as _nrt_python

class _Stats(NamedTuple):
    alloc: int
    free: int
    mi_alloc: int
    mi_free: int

class _Runtime:
    library: Any
    def get_allocation_stats(self) -> _Stats: ...

rtsys: _Runtime
