"""Arrays of Python as arguments of kernels that take no reference and refuse what they can't take as it is.

Numba calls the C API of NumPy for each array, 25 ns, and trusts its dtype and its order, so that Python must look at
them before, 100 ns. The code here reads the fields of the array object, whose places are the same in all versions of
NumPy, in some 3 ns. The caller holds the array while the kernel runs, so no reference is needed. To measure, a call
that the kernel refuses once it has looked at all (75 ns; for six arrays by Numba's way 260):
python -m timeit -s "import fnn, numpy as np; p, x, y = fnn.init((2, 2, 1), seed=0), np.ones((4, 2)), np.ones((4, 1))"
-s "fnn.error(p, x, y); _, run, words, *_ = p.architecture.recent" "run(words, words, x, x, y, False, 0, None)"

    kernel(lambda t: types.boolean(given(t), written(t)))
"""

from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
from numba import types
from numba.extending import NativeValue, make_attribute_wrapper, models, register_model, unbox

from fnn.compiler.internals import IRValue, NumbaType, binding, cgutils, ir

T = TypeVar("T")

_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400  # NPY_ARRAY_..
_BYTE, _INT, _WORD = (ir.IntType(bits) for bits in (8, 32, 64))
_ADDRESS: Final = _BYTE.as_pointer()
_HEAD: Final = object.__basicsize__  # of an object of Python; the address of its type comes last
# PyArrayObject_fields: data, nd, dimensions, strides, base, descr, flags.
_FIELDS: Final = ir.LiteralStructType([_ADDRESS, _INT, _WORD.as_pointer(), _ADDRESS, _ADDRESS, _ADDRESS, _INT])
_DATA, _NDIM, _SHAPE, _, _, _DTYPE, _FLAGS = range(7)

_named: Final = {"ndarray": np.ndarray, **{name: np.dtype(name) for name in ("int64", "float32", "float64")}}
for _name, _object in _named.items():
    binding.add_symbol(f"fnn.numpy.{_name}", id(_object))


class PlainArray(NamedTuple, Generic[T]):
    """A vector, which is one row, or a matrix."""

    at: T
    rows: int
    columns: int
    dimensions: int  # 1 or 2; 0 for None, and −1 for anything that isn't such an array, C-contiguous and aligned


class PlainArrayType(types.Type):
    """`PlainArray`; `flags` are those that it must have. A result's memory can't be written to once it is passed."""

    def __init__(self, dtype: NumbaType, flags: int, *, is_result: bool = False) -> None:
        self.dtype, self.flags, self.is_result = dtype, flags, is_result
        super().__init__(f"fnn.PlainArray[{dtype}, {flags}, {is_result}]")


@register_model(PlainArrayType)
class _PlainArrayModel(models.StructModel):
    def __init__(self, manager: Any, kind: PlainArrayType) -> None:
        of_pointer = [("at", types.CPointer(kind.dtype))]
        super().__init__(manager, kind, [*of_pointer, *((name, types.int64) for name in PlainArray._fields[1:])])


for _name in PlainArray._fields:
    make_attribute_wrapper(PlainArrayType, _name, _name)


@unbox(PlainArrayType)
def _unbox(kind: PlainArrayType, value: IRValue, c: Any) -> NativeValue:
    builder, native = c.builder, cgutils.create_struct_proxy(kind)(c.context, c.builder)

    def is_named(p: IRValue, name: str) -> IRValue:
        symbol = f"fnn.numpy.{name}"
        place = builder.module.globals.get(symbol) or ir.GlobalVariable(builder.module, _BYTE, symbol)
        return builder.icmp_unsigned("==", builder.ptrtoint(p, _WORD), builder.ptrtoint(place, _WORD))

    start = builder.bitcast(value, _ADDRESS)
    is_none = builder.icmp_unsigned("==", value, c.pyapi.borrow_none())
    native.dimensions = builder.select(is_none, _WORD(0), _WORD(-1))
    type_of = builder.bitcast(builder.gep(start, [_WORD(_HEAD - 8)]), _ADDRESS.as_pointer())
    with builder.if_then(is_named(builder.load(type_of), "ndarray"), likely=True):
        fields = builder.bitcast(builder.gep(start, [_WORD(_HEAD)]), _FIELDS.as_pointer())

        def place(field: int) -> IRValue:
            return builder.gep(fields, [_INT(0), _INT(field)])

        flags, ndim = builder.load(place(_FLAGS)), builder.load(place(_NDIM))
        has_flags = builder.icmp_unsigned("==", builder.and_(flags, _INT(kind.flags)), _INT(kind.flags))
        has_shape = builder.icmp_unsigned("<", builder.sub(ndim, _INT(1)), _INT(2))
        is_plain = builder.and_(has_flags, is_named(builder.load(place(_DTYPE)), str(kind.dtype)))
        with builder.if_then(builder.and_(is_plain, has_shape), likely=True):
            shape, is_matrix = builder.load(place(_SHAPE)), builder.icmp_unsigned("==", ndim, _INT(2))
            length = builder.load(shape)
            last = builder.gep(shape, [builder.sub(ndim, _INT(1))])
            native.at = builder.bitcast(builder.load(place(_DATA)), native.at.type)
            native.rows, native.columns = builder.select(is_matrix, length, _WORD(1)), builder.load(last)
            native.dimensions = builder.zext(ndim, _WORD)
            if kind.is_result:
                builder.store(builder.and_(flags, _INT(~_WRITEABLE)), place(_FLAGS))

    return NativeValue(native._getvalue())


def given(dtype: NumbaType) -> NumbaType:
    """The type of an input."""
    return PlainArrayType(dtype, _CONTIGUOUS | _ALIGNED)


def written(dtype: NumbaType) -> NumbaType:
    """The type of an array that a kernel writes to."""
    return PlainArrayType(dtype, _CONTIGUOUS | _ALIGNED | _WRITEABLE)


def result(dtype: NumbaType) -> NumbaType:
    """The type of a new array for a result, which is not written to afterwards."""
    return PlainArrayType(dtype, _CONTIGUOUS | _ALIGNED | _WRITEABLE, is_result=True)
