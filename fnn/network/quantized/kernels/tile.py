"""Calls of the register tiles of `tiles`."""

import ctypes
from collections.abc import Callable
from typing import Any, Final

from numba import types

from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, binding, cgutils, ir
from fnn.compiler.intrinsics import Floats
from fnn.compiler.linking import Linked, reached_through
from fnn.compiler.target import features_of, require_pointer
from fnn.network.quantized.kernels.tiles import BFLOAT16, INT8, shape_of, tiles_module

_I, _INTEGERS = types.int64, types.CPointer(types.int32)
BYTES: Final = types.CPointer(types.uint8)


class _Tiles(Linked):
    """A table of the addresses of tiles."""

    def address(self, dtype: types.Float) -> int:
        return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(super().address(dtype))(None)


def _tiles_of(kind: str) -> tuple[_Tiles, Callable[..., Any]]:
    """The table for weights of a kind, and the call of one of its tiles."""

    @intrinsic
    def address_of_table(typingctx: Any, p: types.CPointer) -> Any:
        require_pointer(p)

        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
            name = f"fnn.tiles.{kind}"
            text = "\n".join(tiles_module(name, shape_of(kind, features_of(context))))
            context.active_code_library.add_llvm_module(binding.parse_assembly(text))
            table = cgutils.add_global_variable(builder.module, ir.IntType(8), name)

            return builder.ptrtoint(table, ir.IntType(64))

        return _I(p), codegen

    def table(p: Floats) -> int:
        return address_of_table(p)

    table.__name__ = table.__qualname__ = f"{kind}_table"  # identifies it in the cache on disk
    cells = _Tiles(table, lambda dtype: _I(types.CPointer(dtype)))

    @intrinsic
    def tile(
        typingctx: Any, rows: NumbaType, vectors: NumbaType, steps: NumbaType, a: NumbaType, a_row: NumbaType,
        w: NumbaType, w_step: NumbaType, z: types.CPointer, z_row: NumbaType, less: NumbaType, by: NumbaType,
        bias: NumbaType,
    ) -> Any:  # fmt: skip
        """A tile of Z = A W: rows and vectors of 16 columns as `Shape` allows; steps from row to row in bytes."""
        require_pointer(z)

        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
            rows, vectors, *rest = arguments
            single = ir.Constant(ir.IntType(64), shape_of(kind, features_of(context)).single)
            one = ir.Constant(ir.IntType(64), 1)
            index = builder.add(builder.mul(builder.sub(rows, one), single), builder.sub(vectors, one))
            code = ir.FunctionType(ir.VoidType(), [x.type for x in rest]).as_pointer()
            cell = cgutils.add_global_variable(builder.module, code.as_pointer(), cells.symbol(z.dtype))
            builder.call(builder.load(builder.gep(builder.load(cell), [index])), rest)

            return context.get_dummy_value()

        return types.void(_I, _I, _I, a, _I, BYTES, _I, z, _I, _INTEGERS, z, z), codegen

    reached_through(tile, cells)

    return cells, tile


_int8_cells, int8_tile = _tiles_of(INT8)
_bfloat16_cells, bfloat16_tile = _tiles_of(BFLOAT16)
