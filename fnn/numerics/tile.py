"""Calls of the register tiles of `fnn.numerics.microkernel`.

The tiles are compiled once for each dtype; a kernel finds them through a table of their addresses.
"""

import ctypes
from typing import Any, Final

from numba import types

from fnn.compiler.addresses import link_finished
from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils, ir
from fnn.compiler.intrinsics import Floats
from fnn.compiler.linking import Linked, reached_through
from fnn.compiler.target import machine, require_pointer
from fnn.numerics.microkernel import WIDEST, tiles_module
from fnn.numerics.simd import I64, number


@intrinsic
def _table(typingctx: Any, p: types.CPointer) -> Any:
    """The address of the table; the code of the tiles becomes part of the function that calls this."""
    require_pointer(p)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        shape = machine(context, p.dtype)
        name = f"fnn.tiles.{shape.element}.{shape.lanes}"
        # LLVM's passes leave the tiles' inner loops as they are, and would take 0.5 s of a first `train` of 6 s.
        link_finished(context, "\n".join(tiles_module(name, shape)))
        table = cgutils.add_global_variable(builder.module, ir.IntType(8), name)

        return builder.ptrtoint(table, I64)

    return types.int64(p), codegen


def _tiles(p: Floats) -> int:
    return _table(p)


class _Tiles(Linked):
    """The tiles, reached as a `linked` function is, but with no call between a kernel and the tile that it chooses."""

    def address(self, dtype: types.Float) -> int:
        """The address of the table."""
        return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(super().address(dtype))(None)


_cells: Final = _Tiles(_tiles, lambda dtype: types.int64(types.CPointer(dtype)))


@intrinsic
def tile(
    typingctx: Any, rows: NumbaType, blocks: NumbaType, k: NumbaType, a: NumbaType, a_row: NumbaType, a_col: NumbaType,
    b: NumbaType, b_panel: NumbaType, b_row: NumbaType, c: types.CPointer, c_panel: NumbaType, c_row: NumbaType,
    init: NumbaType, bias: NumbaType, epilogue: NumbaType, eta: NumbaType, columns: NumbaType, prefetch: NumbaType,
    prefetch_step: NumbaType,
) -> Any:  # fmt: skip
    """Blocks of C = A B, one below the other: rows ≤ tile_rows(c), columns ≤ widest(rows) vectors; see `matmul`.

    Meanwhile blocks · k addresses from `prefetch` on, `prefetch_step` bytes apart, are prefetched into the second-level
    cache: 64 for one cache line after the other. To prefetch nothing, pass b and 0.
    """
    require_pointer(c)
    i, p = types.int64, types.CPointer(c.dtype)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        shape = machine(context, c.dtype)
        rows, columns = arguments[0], arguments[-3]
        vectors = builder.udiv(builder.add(columns, number(shape.lanes - 1)), number(shape.lanes))
        index = builder.sub(builder.add(builder.mul(rows, number(WIDEST)), vectors), number(WIDEST + 1))
        if not shape.masks:
            partial = builder.icmp_signed("!=", columns, builder.mul(vectors, number(shape.lanes)))
            index = builder.add(index, builder.select(partial, number(shape.rows * WIDEST), number(0)))
        kind = ir.FunctionType(ir.VoidType(), [x.type for x in arguments[1:]]).as_pointer()
        cell = cgutils.add_global_variable(builder.module, kind.as_pointer(), _cells.symbol(c.dtype))
        builder.call(builder.load(builder.gep(builder.load(cell), [index])), arguments[1:])

        return context.get_dummy_value()

    return types.void(i, i, i, p, i, i, p, i, i, p, i, i, i, p, i, c.dtype, i, p, i), codegen


reached_through(tile, _cells)
