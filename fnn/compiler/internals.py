"""What fnn imports of Numba's and llvmlite's insides, names for what they hand to an intrinsic, and Numba's options.

`fnn.njit` imports more of them, for the types of arguments. The options, for everything that fnn compiles:

- ``error_model="numpy"``: a Python-style check for division by zero stops LLVM from vectorising a loop.
- no ``fastmath``: every sum has one stated order and every fused multiply-add is written as one, so the bits depend
  neither on the width of the vectors nor on the tiling nor on the number of threads.
- ``boundscheck=False``: offsets come from `fnn.network.kernels.plan`; a check in the inner loops stops vectorisation.
- ``nogil=True``: kernels touch no Python object.
- ``_nrt=False``: kernels own no arrays, so none is counted; a call from Python with arrays takes a tenth less for it.
"""

from typing import Any, Final, TypeAlias

from llvmlite import binding as binding
from llvmlite import ir as ir
from numba import config, types
from numba.core import cgutils as cgutils
from numba.core import event as event
from numba.core.compiler_lock import global_compiler_lock as global_compiler_lock
from numba.core.errors import NumbaError as NumbaError
from numba.core.errors import TypingError as TypingError

NumbaType: TypeAlias = types.Type
IRBuilder: TypeAlias = ir.IRBuilder
IRValue: TypeAlias = ir.Value

OPTIONS: Final[dict[str, Any]] = dict(error_model="numpy", boundscheck=False, nogil=True, _nrt=False)


def require_compiler() -> None:
    """Raise RuntimeError if Numba leaves functions as they are."""
    if config.DISABLE_JIT:
        raise RuntimeError("fnn needs Numba's compiler, but NUMBA_DISABLE_JIT turns it off; unset it, and start anew")
