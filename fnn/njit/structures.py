"""The values of a jitted function, made of their members, and the kernel arguments made of them (see `kernels`)."""

from collections.abc import Sequence
from typing import Any

from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.np.arrayobj import make_array

from fnn.compiler.internals import IRBuilder, NumbaType, cgutils, ir
from fnn.network.kernels.spec import network_type
from fnn.njit.kernels.arguments import matrix_type, problem_type
from fnn.njit.types import OPTIMIZER, SPEC, STATE, CasesType, ParamsType

WORD = ir.IntType(64)


def value_of(context: Any, builder: IRBuilder, kind: NumbaType, **members: Any) -> Any:
    """A value of fnn, made of members that others hold too."""
    native = cgutils.create_struct_proxy(kind)(context, builder)
    for name, member in members.items():
        setattr(native, name, member)

    return impl_ret_borrowed(context, builder, kind, native._getvalue())


def members_of(context: Any, builder: IRBuilder, kind: NumbaType, value: Any) -> Any:
    """The members of a value of fnn, as attributes."""
    return cgutils.create_struct_proxy(kind)(context, builder, value=value)


def data_of(context: Any, builder: IRBuilder, kind: types.Array, array: Any) -> Any:
    """The pointer to an array's elements."""
    return make_array(kind)(context, builder, array).data


def structure_of(context: Any, builder: IRBuilder, kind: Any, parts: Sequence[Any]) -> Any:
    """A named tuple for a kernel, with null for None."""
    filled = [
        ir.Constant(context.get_value_type(t), None) if part is None else part
        for part, t in zip(parts, kind.types, strict=True)
    ]

    return context.make_tuple(builder, kind, filled)


def network_of(context: Any, builder: IRBuilder, params: ParamsType, value: Any) -> Any:
    """`Network` of params."""
    native = members_of(context, builder, params, value)
    parts = [data_of(context, builder, t, v) for t, v in ((SPEC, native.spec), (params.flat, native.flat))]

    return structure_of(context, builder, network_type(params.dtype), parts)


def matrix_of(context: Any, builder: IRBuilder, dtype: NumbaType, kind: NumbaType, value: Any) -> Any:
    """`Matrix` of an array (a vector is a row), of a number, or of None."""
    one, zero = ir.Constant(WORD, 1), ir.Constant(WORD, 0)
    parts: list[Any] = [None, zero, zero]
    if isinstance(kind, types.Array):
        array = make_array(kind)(context, builder, value)
        data = builder.bitcast(array.data, context.get_value_type(types.CPointer(dtype)))
        parts = [data, *[one] * (2 - kind.ndim), *cgutils.unpack_tuple(builder, array.shape, kind.ndim)]
    elif isinstance(kind, types.Number):
        parts = [cgutils.alloca_once_value(builder, value), one, one]

    return structure_of(context, builder, matrix_type(dtype), parts)


def problem_of(context: Any, builder: IRBuilder, kinds: Sequence[NumbaType], values: Sequence[Any]) -> Any:
    """`Problem` of (params, cases, loss, mean), the last two being constants."""
    params, cases, _, _ = kinds
    assert isinstance(params, ParamsType)
    assert isinstance(cases, CasesType)
    native = members_of(context, builder, cases, values[1])
    labelled = getattr(cases.y, "dtype", cases.y) != params.dtype
    y_or_none, labels_or_none = (types.none, cases.y) if labelled else (cases.y, types.none)
    flags = labelled, cases.weights != types.none
    parts = [
        network_of(context, builder, params, values[0]),
        matrix_of(context, builder, params.dtype, cases.x, native.x),
        matrix_of(context, builder, params.dtype, y_or_none, native.y),
        matrix_of(context, builder, types.int64, labels_or_none, native.y),
        matrix_of(context, builder, types.float64, cases.weights, native.weights),
        *(ir.Constant(ir.IntType(1), flag) for flag in flags), *values[2:],
    ]  # fmt: skip

    return structure_of(context, builder, problem_type(params.dtype), parts)


def state_of(context: Any, builder: IRBuilder, kind: Any, value: Any) -> Any:
    """`State` of an optimizer's state."""
    native = members_of(context, builder, STATE, value)
    spec = data_of(context, builder, SPEC, native.spec)
    data = data_of(context, builder, STATE.vectors, native.vectors)
    vectors = builder.bitcast(data, context.get_value_type(kind.types[-1]))

    return structure_of(context, builder, kind, [native.step, native.count, native.itemsize, spec, vectors])


def optimizer_words_of(context: Any, builder: IRBuilder, value: Any) -> Any:
    """The address of an optimizer's words."""
    return data_of(context, builder, SPEC, members_of(context, builder, OPTIMIZER, value).words)
