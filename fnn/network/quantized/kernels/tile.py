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
from fnn.numerics.simd import I64, number

_I, _INTEGERS = types.int64, types.CPointer(types.int32)
BYTES: Final = types.CPointer(types.uint8)


class _Tiles(Linked):
    """A table of the addresses of tiles."""

    def address(self, dtype: types.Float) -> int:
        return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(super().address(dtype))(None)


def _table_of(kind: str) -> _Tiles:
    """The table for weights of a kind."""

    @intrinsic
    def address_of_table(typingctx: Any, p: types.CPointer) -> Any:
        """The code of the tiles becomes part of the function that calls this."""
        require_pointer(p)

        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
            name = f"fnn.tiles.{kind}"
            text = "\n".join(tiles_module(name, shape_of(kind, features_of(context))))
            context.active_code_library.add_llvm_module(binding.parse_assembly(text))

            return builder.ptrtoint(cgutils.add_global_variable(builder.module, ir.IntType(8), name), I64)

        return _I(p), codegen

    def table(p: Floats) -> int:
        return address_of_table(p)

    table.__name__ = table.__qualname__ = f"{kind}_table"  # identifies it in the cache on disk

    return _Tiles(table, lambda dtype: _I(types.CPointer(dtype)))


def _tile_of(kind: str) -> Callable[..., None]:
    """The call of a tile for weights of a kind."""
    cells = _table_of(kind)

    @intrinsic
    def tile(
        typingctx: Any, rows: NumbaType, vectors: NumbaType, steps: NumbaType, a: NumbaType, a_row: NumbaType,
        w: NumbaType, w_step: NumbaType, z: types.CPointer, z_row: NumbaType, less: NumbaType, by: NumbaType,
        bias: NumbaType,
    ) -> Any:  # fmt: skip
        """A tile of Z = A W: rows and vectors of 16 columns as `Shape` allows; from row to row and step in bytes."""
        require_pointer(z)

        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
            rows, vectors, *rest = arguments
            single = number(shape_of(kind, features_of(context)).single)
            index = builder.add(builder.mul(builder.sub(rows, number(1)), single), builder.sub(vectors, number(1)))
            code = ir.FunctionType(ir.VoidType(), [x.type for x in rest]).as_pointer()
            cell = cgutils.add_global_variable(builder.module, code.as_pointer(), cells.symbol(z.dtype))
            builder.call(builder.load(builder.gep(builder.load(cell), [index])), rest)

            return context.get_dummy_value()

        return types.void(_I, _I, _I, BYTES, _I, BYTES, _I, z, _I, _INTEGERS, z, z), codegen

    reached_through(tile, cells)

    return tile


int8_tile, bfloat16_tile = _tile_of(INT8), _tile_of(BFLOAT16)
