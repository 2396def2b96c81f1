"""The target of the compiler: which float types it knows, and how wide its vectors, panels and cache lines are.

The intrinsics take a pointer to floats, and are constants once compiled.
"""

from collections.abc import Callable
from functools import cache
from math import lcm
from typing import Any, Final, NamedTuple

import numpy as np
from numba import types
from numba.core.registry import cpu_target

from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, TypingError, ir

LINE: Final = 64  # bytes of a cache line
FLOATS: Final = (types.float32, types.float64)


def float_type(dtype: np.dtype[Any]) -> types.Float:
    """The Numba type of float32 or float64."""
    return types.float32 if dtype == np.float32 else types.float64


class Machine(NamedTuple):
    """What the CPU that Numba compiles for has for one dtype: its vectors, and the register tile that fits it."""

    element: str  # LLVM's name for the dtype
    itemsize: int
    lanes: int  # elements of a vector
    rows: int  # most rows of a tile: 2·rows sums, 2 vectors of B and one of A fill the registers
    masks: bool  # part of a vector costs no more than the whole, so whole ones need no tiles of their own


def features_of(context: Any) -> list[str]:
    """The features of the CPU that Numba compiles for, such as ``+avx2``."""
    features: str = context.codegen().magic_tuple()[2]

    return features.split(",")


def machine(context: Any, dtype: types.Float) -> Machine:
    """Read the sizes off the CPU features that Numba compiles for (NUMBA_CPU_NAME and NUMBA_CPU_FEATURES count)."""
    triple, enabled = context.codegen().magic_tuple()[0], features_of(context)
    element, itemsize = ("float", 4) if dtype == types.float32 else ("double", 8)
    if "+avx512f" in enabled:
        return Machine(element, itemsize, 64 // itemsize, 12, True)
    if "+avx" in enabled:
        return Machine(element, itemsize, 32 // itemsize, 6, False)
    rows = 8 if triple.startswith(("aarch64", "arm64")) else 4

    return Machine(element, itemsize, 16 // itemsize, rows, False)


@cache
def machine_of(dtype: np.dtype[Any]) -> Machine:
    """`machine`, for Python: to look at the CPU features takes 0.1 ms."""
    return machine(cpu_target.target_context, float_type(dtype))


@cache
def target_features() -> list[str]:
    """`features_of`, for Python."""
    return features_of(cpu_target.target_context)


def lanes_of(dtype: np.dtype[Any]) -> int:
    """Elements of a vector, for Python."""
    return machine_of(dtype).lanes


def common_width_of(dtype: np.dtype[Any]) -> int:
    """`common_width`, for Python."""
    return _common_width(machine_of(dtype))


def _common_width(machine: Machine) -> int:
    return lcm(machine.rows, 2 * machine.lanes)


def require_pointer(p: NumbaType) -> None:
    if not (isinstance(p, types.CPointer) and p.dtype in FLOATS):
        raise TypingError(f"needs a pointer to float32 or float64, got {p}")


def constant(p: types.CPointer, width: Callable[[Machine], int]) -> Any:
    """Typing and code of a width of what p points to."""
    require_pointer(p)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        return ir.Constant(ir.IntType(64), width(machine(context, p.dtype)))

    return types.int64(p), codegen


@intrinsic
def vector_width(typingctx: Any, p: types.CPointer) -> Any:
    """Elements of a vector."""
    return constant(p, lambda machine: machine.lanes)


@intrinsic
def panel_width(typingctx: Any, p: types.CPointer) -> Any:
    """Columns of a panel: two vectors."""
    return constant(p, lambda machine: 2 * machine.lanes)


@intrinsic
def line_width(typingctx: Any, p: types.CPointer) -> Any:
    """Elements of a cache line."""
    return constant(p, lambda machine: LINE // machine.itemsize)


@intrinsic
def tile_rows(typingctx: Any, p: types.CPointer) -> Any:
    """The most rows of a register tile."""
    return constant(p, lambda machine: machine.rows)


@intrinsic
def common_width(typingctx: Any, p: types.CPointer) -> Any:
    """The least number of columns that are whole panels and, transposed, whole tiles."""
    return constant(p, _common_width)


@intrinsic
def itemsize(typingctx: Any, p: types.CPointer) -> Any:
    """The bytes of what p points to, which may be of any type."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        return ir.Constant(ir.IntType(64), context.get_abi_sizeof(arguments[0].type.pointee))

    return types.int64(p), codegen
