from typing import NamedTuple

class _Stats(NamedTuple):
    alloc: int
    free: int
    mi_alloc: int
    mi_free: int

class _Runtime:
    def get_allocation_stats(self) -> _Stats: ...

rtsys: _Runtime
