"""What fnn imports of Numba's and llvmlite's insides, names for what they hand to an intrinsic, and Numba's options.

`fnn.njit` imports more of them, for the types of arguments. The options, for everything that fnn compiles:

- ``error_model="numpy"``: a Python-style check for division by zero stops LLVM from vectorising a loop.
- no ``fastmath``: every sum has one stated order and every fused multiply-add is written as one, so the bits depend
  neither on the width of the vectors nor on the tiling nor on the number of threads.
- ``boundscheck=False``: offsets come from `fnn.network.kernels.plan`; a check in the inner loops stops vectorisation.
- ``nogil=True``: kernels touch no Python object.
- ``no_rewrites=True``: Numba rewrites array expressions, branches on the types of arguments and raised errors, which
  kernels don't have. Without rewriting and without machine code for inlined functions (`fnn.compiler.inline`), a first
  `train` takes 1.1 of 7.1 seconds less.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from llvmlite import binding as binding
from llvmlite import ir as ir
from numba import config, njit, types
from numba.core import cgutils as cgutils
from numba.core import event as event
from numba.core.compiler_lock import global_compiler_lock as global_compiler_lock
from numba.core.errors import NumbaError as NumbaError
from numba.core.errors import TypingError as TypingError

NumbaType: TypeAlias = types.Type
IRBuilder: TypeAlias = ir.IRBuilder
IRValue: TypeAlias = ir.Value

_OPTIONS: Final[dict[str, Any]] = dict(error_model="numpy", boundscheck=False, nogil=True, no_rewrites=True)


def jitted(function: Callable[..., Any], **options: Any) -> Any:
    """A dispatcher for a function of fnn; RuntimeError if Numba makes none."""
    require_compiler()

    return njit(**options, **_OPTIONS)(function)


def require_compiler() -> None:
    """Raise RuntimeError if Numba leaves functions as they are."""
    if config.DISABLE_JIT:
        raise RuntimeError("fnn needs Numba's compiler, but NUMBA_DISABLE_JIT turns it off; unset it, and start anew")
