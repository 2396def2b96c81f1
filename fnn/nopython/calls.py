"""Calls of `fnn.kernels.native`, and what else takes a line of LLVM.

A call takes whole arrays, not pointers: an array lives until the instruction that uses it last is done, and that must
be the call.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from fnn.kernels import native
from fnn.kernels.linking import Linked, with_parameters
from fnn.nopython.types import SPEC, ParamsType

_WORD = ir.IntType(64)


def _params_parts(context: Any, builder: Any, params: ParamsType, value: Any) -> list[Any]:
    """The pointers to spec and weights."""
    proxy = cgutils.create_struct_proxy(params)(context, builder, value=value)

    return [make_array(t)(context, builder, v).data for t, v in ((SPEC, proxy.spec), (params.flat, proxy.flat))]


def _matrix_parts(context: Any, builder: Any, kind: types.Type, value: Any) -> list[Any]:
    """Pointer, rows and columns of an array (a vector is a row), of a number, or of nothing."""
    one, zero = ir.Constant(_WORD, 1), ir.Constant(_WORD, 0)
    if isinstance(kind, types.Array):
        array = make_array(kind)(context, builder, value)
        return [array.data, *[one] * (2 - kind.ndim), *cgutils.unpack_tuple(builder, array.shape, kind.ndim)]
    if isinstance(kind, types.Number):
        return [cgutils.alloca_once_value(builder, value), one, one]

    return [None, zero, zero]


def _calling(link: Linked, names: str, *, measures: bool = False) -> Callable[..., Any]:
    """A function for jitted code that calls a kernel; one that measures takes (params, x, y, weights, ..)."""

    def parts_of(context: Any, builder: Any, kinds: Sequence[types.Type], values: Sequence[Any]) -> list[Any]:
        parts: list[Any] = []
        for kind, value in zip(kinds, values, strict=True):
            if isinstance(kind, ParamsType):
                parts += _params_parts(context, builder, kind, value)
            else:
                parts += _matrix_parts(context, builder, kind, value) if isinstance(kind, types.Array) else [value]
        return parts

    def measured_parts(context: Any, builder: Any, kinds: Sequence[types.Type], values: Sequence[Any]) -> list[Any]:
        params, y, weights = kinds[0], kinds[2], kinds[3]
        assert isinstance(params, ParamsType)
        labelled = (y.dtype if isinstance(y, types.Array) else y) != params.dtype
        weighted = isinstance(weights, types.Array | types.Number)
        target = _matrix_parts(context, builder, y, values[2])
        nothing = _matrix_parts(context, builder, types.none, None)
        return [
            *parts_of(context, builder, kinds[:2], values[:2]),
            *((nothing + target) if labelled else (target + nothing)),
            *_matrix_parts(context, builder, weights, values[3]),
            ir.Constant(ir.IntType(1), labelled), ir.Constant(ir.IntType(1), weighted),
            *parts_of(context, builder, kinds[4:], values[4:]),
        ]  # fmt: skip

    def call(typingctx: Any, *arguments: Any) -> Any:
        dtype = arguments[0].dtype
        wanted = link.signature(dtype)
        # The kinds of the kernel's last arguments are those of the last arguments here, arrays counting thrice.
        taken: list[types.Type] = []
        rest = list(wanted.args)
        for argument in reversed(arguments[4:] if measures else arguments):
            count = 3 if isinstance(argument, types.Array) else 2 if isinstance(argument, ParamsType) else 1
            taken.insert(0, rest[-1] if count == 1 else argument)
            del rest[-count:]
        if measures:
            params, x, y, weights = arguments[:4]
            label, weight = isinstance(y, types.Number | types.Boolean), isinstance(weights, types.Number)
            taken[:0] = [params, x, types.int64 if label else y, types.float64 if weight else weights]

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            parts = (measured_parts if measures else parts_of)(context, builder, signature.args, values)
            kinds = [context.get_value_type(t) for t in wanted.args]
            filled = [ir.Constant(t, None) if part is None else part for part, t in zip(parts, kinds, strict=True)]
            return link.emit(context, builder, dtype, filled)

        return wanted.return_type(*taken), codegen

    call.__name__ = link.function.__name__

    return intrinsic(with_parameters(call, names.split()))


forward_one = _calling(native.forward_one, "params x into")
forward_many = _calling(native.forward_many, "params x into")
differentiate_all = _calling(native.differentiate_all, "params x y weights loss mean wanted into", measures=True)
update_all = _calling(native.update_all, "params grads eta into")
train_all = _calling(native.train_all, "params x y weights loss mean eta batch seed epochs history into", measures=True)


def _load(context: Any, builder: Any, params: Any, at: Any) -> Any:
    return builder.load(cgutils.gep(builder, make_array(SPEC)(context, builder, params.spec).data, at))


def _outputs(context: Any, builder: Any, params: ParamsType, value: Any) -> Any:
    """n_L."""
    proxy = cgutils.create_struct_proxy(params)(context, builder, value=value)
    layers = _load(context, builder, proxy, ir.Constant(_WORD, 0))

    return _load(context, builder, proxy, builder.add(layers, ir.Constant(_WORD, 1)))


@intrinsic
def outputs_of(typingctx: Any, params: Any) -> Any:
    """n_L."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _outputs(context, builder, params, values[0])

    return types.int64(params), codegen


@intrinsic
def new_output(typingctx: Any, params: Any) -> Any:
    """A new vector of n_L elements, or one at the address 0 if there is no memory.

    `np.empty` raises, and where something can be raised between them Numba keeps the pairs of atomic increments and
    decrements of reference counts that it could do without: 25 ns in all.
    """
    vector = types.Array(params.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        count = _outputs(context, builder, params, values[0])
        itemsize = ir.Constant(_WORD, params.dtype.bitwidth // 8)
        size, line = builder.mul(count, itemsize), ir.Constant(ir.IntType(32), 32)
        memory = context.nrt.meminfo_alloc_aligned_unchecked(builder, size=size, align=line)
        array = make_array(vector)(context, builder)
        is_null = cgutils.is_null(builder, memory)
        data = cgutils.alloca_once_value(builder, ir.Constant(context.get_data_type(params.dtype).as_pointer(), None))
        with builder.if_then(builder.not_(is_null), likely=True):
            start = context.nrt.meminfo_data(builder, memory)
            builder.store(builder.bitcast(start, array.data.type), data)
        populate_array(
            array, data=builder.load(data), shape=[count], strides=[itemsize], itemsize=itemsize, meminfo=memory
        )
        return impl_ret_new_ref(context, builder, vector, array._getvalue())

    return vector(params), codegen


@intrinsic
def spec_of(typingctx: Any, params: Any) -> Any:
    """The description of the architecture (see `fnn.kernels.native`)."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        proxy = cgutils.create_struct_proxy(params)(context, builder, value=values[0])
        return impl_ret_borrowed(context, builder, SPEC, proxy.spec)

    return SPEC(params), codegen


@intrinsic
def with_flat(typingctx: Any, params: Any, flat: Any) -> Any:
    """Params of the same architecture around a vector that nobody writes to any more."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        old = cgutils.create_struct_proxy(params)(context, builder, value=values[0])
        new = cgutils.create_struct_proxy(params)(context, builder)
        new.flat, new.spec = values[1], old.spec
        return impl_ret_borrowed(context, builder, params, new._getvalue())

    return params(params, types.Array(params.dtype, 1, "C")), codegen
