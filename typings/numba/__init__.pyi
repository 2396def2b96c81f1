# Of Numba, what fnn, its tests and its examples use. Numba's own stubs lose the signature of a bare `@njit`, reject
# calls of an intrinsic, and leave most of `numba.extending` untyped.
from collections.abc import Callable, Sequence
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload, type_check_only

from numba import extending as extending
from numba import types as types
from numba.core import config as config
from numba.core import errors as errors
from numba.core.dispatcher import Dispatcher
from numba.core.types import boolean as boolean
from numba.core.types import float32 as float32
from numba.core.types import float64 as float64
from numba.core.types import int32 as int32
from numba.core.types import int64 as int64
from numba.core.types import intp as intp
from numba.core.types import uint8 as uint8
from numba.core.types import uint32 as uint32
from numba.core.types import uint64 as uint64
from numba.core.types import void as void
from numba.core.typing import Signature

__version__: str

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Signature: TypeAlias = Signature | tuple[types.Type, ...] | str

@type_check_only
class _Decorator(Protocol):
    def __call__(self, function: Callable[_P, _R], /) -> Dispatcher[_P, _R]: ...

@overload
def njit(function: Callable[_P, _R], /) -> Dispatcher[_P, _R]: ...
@overload
def njit(
    signature: _Signature | Sequence[_Signature] | None = None,
    /,
    *,
    boundscheck: bool | None = None,
    cache: bool = False,
    debug: bool = False,
    error_model: Literal["python", "numpy"] = "python",
    fastmath: bool | set[str] = False,
    forceinline: bool = False,
    inline: Literal["never", "always"] = "never",
    locals: dict[str, types.Type] = ...,
    no_cfunc_wrapper: bool = False,
    no_cpython_wrapper: bool = False,
    no_rewrites: bool = False,
    nogil: bool = False,
    parallel: bool = False,
) -> _Decorator: ...

prange = range

def get_num_threads() -> int: ...
def get_thread_id() -> int: ...
def literal_unroll(container: _R, /) -> _R: ...
def set_num_threads(n: int, /) -> None: ...
def threading_layer() -> str: ...
def typeof(val: Any, purpose: Any = ...) -> types.Type: ...
