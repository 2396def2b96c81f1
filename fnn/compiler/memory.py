"""Work memory from the stack and from the C library: kernels have none of Numba's, which counts references."""

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fnn.compiler.intrinsics import LINE
from fnn.compiler.options import intrinsic

STACK: Final = 3072  # elements


@intrinsic
def on_stack(typingctx: Any, p: Any) -> Any:
    """STACK elements of what p points to, until the function returns."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        space: Any = cgutils.alloca_once(builder, arguments[0].type.pointee, STACK)
        space.align = LINE
        return space

    return p(p), codegen


@intrinsic
def allocate(typingctx: Any, p: Any, count: Any) -> Any:
    """So many zeros of what p points to, or null."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
        calloc = cgutils.get_or_insert_function(builder.module, ir.FunctionType(byte, [word, word]), "calloc")
        itemsize = context.get_abi_sizeof(arguments[0].type.pointee)
        return builder.bitcast(builder.call(calloc, [arguments[1], ir.Constant(word, itemsize)]), arguments[0].type)

    return p(p, types.int64), codegen


@intrinsic
def release(typingctx: Any, p: Any) -> Any:
    """Give back what `allocate` gave; null is nothing."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        free = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [byte]), "free")
        builder.call(free, [builder.bitcast(arguments[0], byte)])
        return context.get_dummy_value()

    return types.void(p), codegen


@intrinsic
def is_null(typingctx: Any, p: Any) -> Any:
    """Whether p points nowhere."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.is_null(builder, arguments[0])

    return types.boolean(p), codegen


@intrinsic
def integers(typingctx: Any, p: Any) -> Any:
    """The same address as a pointer to int64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(p), codegen
