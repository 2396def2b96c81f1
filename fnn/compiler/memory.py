"""Work memory from the stack and from the C library: kernels have none of Numba's, which counts references."""

from typing import Any, Final

from numba import types

from fnn.compiler.inline import expression, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils, ir
from fnn.compiler.target import LINE

STACK: Final = 3072  # elements


@intrinsic
def on_stack(typingctx: Any, p: NumbaType) -> Any:
    """STACK elements of what p points to, until the function returns."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        space: Any = cgutils.alloca_once(builder, arguments[0].type.pointee, STACK)
        space.align = LINE
        return space

    return p(p), codegen


@intrinsic
def allocate(typingctx: Any, p: NumbaType, count: NumbaType) -> Any:
    """`count` zeros of what p points to, or null."""
    return _allocating("calloc", p)


@intrinsic
def reserve(typingctx: Any, p: NumbaType, count: NumbaType) -> Any:
    """The same, not initialised."""
    return _allocating("malloc", p)


def _allocating(name: str, p: NumbaType) -> Any:
    """Typing and code of a call of the C library."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
        itemsize = word(context.get_abi_sizeof(arguments[0].type.pointee))
        sizes = [arguments[1], itemsize] if name == "calloc" else [builder.mul(arguments[1], itemsize)]
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(byte, [word] * len(sizes)), name)
        return builder.bitcast(builder.call(function, sizes), arguments[0].type)

    return p(p, types.int64), codegen


@intrinsic
def release(typingctx: Any, p: NumbaType) -> Any:
    """Free what `allocate` returned; null is ignored."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        byte = ir.IntType(8).as_pointer()
        free = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [byte]), "free")
        builder.call(free, [builder.bitcast(arguments[0], byte)])
        return context.get_dummy_value()

    return types.void(p), codegen


@intrinsic
def is_null(typingctx: Any, p: NumbaType) -> Any:
    return expression(types.boolean(p), cgutils.is_null)
