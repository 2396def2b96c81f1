"""What fnn imports of Numba's and llvmlite's insides, and names for what they hand to an intrinsic.

The other modules import these from here. `fnn.njit` has more of them, for the types of arguments.
"""

from typing import TypeAlias

from llvmlite import binding as binding
from llvmlite import ir as ir
from numba import types
from numba.core import cgutils as cgutils
from numba.core.compiler_lock import global_compiler_lock as global_compiler_lock
from numba.core.errors import NumbaError as NumbaError
from numba.core.errors import TypingError as TypingError

NumbaType: TypeAlias = types.Type
IRBuilder: TypeAlias = ir.IRBuilder
IRValue: TypeAlias = ir.Value
