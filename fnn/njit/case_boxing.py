"""Boxing and unboxing of `Cases`."""

from typing import Any

import numpy as np
from numba import typeof
from numba.core.imputils import lower_constant
from numba.extending import NativeValue, box, unbox
from numpy.typing import NDArray

from fnn.compiler.internals import IRBuilder, IRValue, TypingError, cgutils
from fnn.data.cases import Cases
from fnn.njit.boxing import call_python
from fnn.njit.types import CasesType


def type_of_cases(cases: Cases) -> CasesType:
    """The type of cases, from that of their arrays; ValueError, of which Numba makes a TypingError, for others."""
    for name, is_given in (("class_weights", cases.class_weights is not None), ("scale", cases.scale != 1)):
        if is_given:
            raise ValueError(f"{name}: {cases!r} can't be given to a function under @njit")

    return CasesType(*(typeof(member) for member in _members(cases)))


def _members(cases: Cases) -> tuple[object, object, object]:
    """Inputs, targets and weights as kernels take them, but for the dtype of floats."""
    y = cases.y.astype(np.int64, copy=False) if cases.y.dtype.kind in "iub" else cases.y
    weights = None if cases.weights is None else _plain(cases.weights.astype(np.float64, copy=False))

    return _plain(cases.x), _plain(y), weights


def _plain(array: NDArray[Any]) -> object:
    """The array, C-contiguous, or the number that one without dimensions holds."""
    return np.ascontiguousarray(array) if array.ndim else array.item()


@unbox(CasesType)
def _unbox_cases(kind: CasesType, value: Any, c: Any) -> NativeValue:
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    is_error = cgutils.alloca_once_value(c.builder, cgutils.true_bit)
    members = call_python(c, _members, (value,))
    with c.builder.if_then(c.builder.not_(cgutils.is_null(c.builder, members)), likely=True):
        kinds = (kind.x, kind.y, kind.weights)
        parts = [c.unbox(t, c.pyapi.tuple_getitem(members, i)) for i, t in enumerate(kinds)]  # each takes a reference
        native.x, native.y, native.weights = (part.value for part in parts)
        found = cgutils.false_bit
        for part in parts:
            found = c.builder.or_(found, part.is_error)
        c.builder.store(found, is_error)
        c.pyapi.decref(members)

    return NativeValue(native._getvalue(), is_error=c.builder.load(is_error))


def _cases(x: Any, y: Any, weights: Any) -> Cases:
    """`Cases` from a jitted function."""
    return Cases(x, y, weights=weights)


@box(CasesType)
def _box_cases(kind: CasesType, value: Any, c: Any) -> Any:
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder, value=value)
    parts = [c.box(getattr(kind, name), getattr(native, name)) for name in ("x", "y", "weights")]
    result = call_python(c, _cases, parts)
    for reference in parts:
        c.pyapi.decref(reference)

    return result


@lower_constant(CasesType)
def _constant_cases(context: Any, builder: IRBuilder, kind: CasesType, value: Any) -> IRValue:
    raise TypingError("cases: a jitted function can't hold them as a global or a default; pass them as an argument")
