"""The way of fnn's values to jitted functions and back: boxing, unboxing, and values that are globals there."""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import accumulate
from typing import Any

import numpy as np
from numba import typeof
from numba.core.imputils import lower_constant
from numba.extending import NativeValue, box, unbox
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

from fnn.activations.activation import activation_of
from fnn.activations.kernels.dispatch import CODE, DESCRIPTOR_SIZE
from fnn.boundary.checks import whole
from fnn.compiler.internals import IRBuilder, TypingError, cgutils, ir
from fnn.data.cases import Cases
from fnn.network.architecture import Architecture
from fnn.network.params import Params, require_params, wrap
from fnn.network.tree import require_same_structure
from fnn.njit.optimizer_words import code_of, dtypes_in_use, optimizer_words_of, words_of
from fnn.njit.structures import WORD
from fnn.njit.types import SPEC, ByLayerType, CasesType, LossType, OptimizerType, ParamsType, StateType, StructType
from fnn.optimizers.optimizer import Optimizer, OptimizerState

_NO_SPEC = np.zeros(0, np.int64)
_NO_SPEC.setflags(write=False)

_architectures: dict[bytes, Architecture] = {}


def architecture_of_spec(spec: NDArray[np.int64]) -> Architecture:
    """The architecture that a jitted function returned, one object for equal ones."""
    key = spec.tobytes()
    architecture = _architectures.get(key)
    if architecture is None:
        if len(_architectures) > 1000:
            _architectures.clear()
        layers, *rest = spec.tolist()
        codes = rest[layers + 1 + CODE :: DESCRIPTOR_SIZE]
        architecture = Architecture(tuple(rest[: layers + 1]), tuple(map(activation_of, codes)))
        architecture = _architectures.setdefault(key, architecture)

    return architecture


def _call_python(c: Any, function: Callable[..., object], arguments: Sequence[Any]) -> Any:
    """Call a Python function with Python objects; its result, or null if it raises."""
    callee = c.pyapi.unserialize(c.pyapi.serialize_object(function))
    result = c.pyapi.call_function_objargs(callee, arguments)
    c.pyapi.decref(callee)

    return result


def _unboxed(members_of: Callable[..., tuple[object, ...]], kind: StructType, value: Any, c: Any) -> NativeValue:
    """A value by its members, which a Python function takes from the object."""
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    is_error = cgutils.alloca_once_value(c.builder, cgutils.true_bit)
    members = _call_python(c, members_of, (value,))
    with c.builder.if_then(c.builder.not_(cgutils.is_null(c.builder, members)), likely=True):
        parts = []
        for i, (name, t) in enumerate(kind.members):
            parts.append(c.unbox(t, c.pyapi.tuple_getitem(members, i)))  # which takes a reference
            setattr(native, name, parts[-1].value)
        c.builder.store(reduce(c.builder.or_, [part.is_error for part in parts]), is_error)
        c.pyapi.decref(members)

    return NativeValue(native._getvalue(), is_error=c.builder.load(is_error))


def _boxed(object_of: Callable[..., object], kind: StructType, value: Any, c: Any) -> Any:
    """The object that a Python function makes of a value's members."""
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder, value=value)
    parts = [c.box(t, getattr(native, name)) for name, t in kind.members]  # which give their references
    result = _call_python(c, object_of, parts)
    for part in parts:
        c.pyapi.decref(part)

    return result


@unbox(ParamsType)
def _unbox_params(params: ParamsType, value: Any, c: Any) -> NativeValue:
    """Without a call of Python, which would take longer than a small network."""
    native = cgutils.create_struct_proxy(params)(c.context, c.builder)
    architecture = c.pyapi.object_getattr_string(value, "architecture")
    flat = c.pyapi.object_getattr_string(value, "flat_buffer")
    spec = c.pyapi.object_getattr_string(architecture, f"_spec_{params.dtype}")
    is_error = cgutils.alloca_once_value(c.builder, cgutils.true_bit)
    has_spec = c.builder.not_(cgutils.is_null(c.builder, spec))  # null if an activation can't be compiled
    with c.builder.if_then(has_spec, likely=True):
        parts = [c.unbox(params.flat, flat), c.unbox(SPEC, spec)]  # each takes a reference
        native.flat, native.spec = (part.value for part in parts)
        c.builder.store(c.builder.or_(*(part.is_error for part in parts)), is_error)
        c.pyapi.decref(spec)
    for reference in (architecture, flat):
        c.pyapi.decref(reference)

    return NativeValue(native._getvalue(), is_error=c.builder.load(is_error))


def _params_of(flat: NDArray[Any], spec: NDArray[np.int64]) -> Params[Any]:
    return wrap(flat, architecture_of_spec(spec))


box(ParamsType)(partial(_boxed, _params_of))


def _by_layer(single: bool, first: int, values: NDArray[Any], spec: NDArray[np.int64], cases: int) -> Any:
    """A quantity as `fnn.backprop` returns it to Python."""
    sizes = spec[1 : spec[0] + 2].tolist()
    ends = [cases * end for end in accumulate(sizes)]
    quantity = {
        layer: values[end - cases * units : end].reshape(cases, units)
        for layer, (units, end) in enumerate(zip(sizes, ends, strict=True))
        if layer >= first
    }

    return {layer: rows[0] if single else rows for layer, rows in quantity.items()}


@box(ByLayerType)
def _box_by_layer(kind: ByLayerType, value: Any, c: Any) -> Any:
    return _boxed(partial(_by_layer, kind.ndim == 1, kind.first), kind, value, c)


def type_of_cases(cases: Cases) -> CasesType:
    """The type of cases, from that of their arrays; ValueError, of which Numba makes a TypingError, for others."""
    for name, is_given in (("class_weights", cases.class_weights is not None), ("scale", cases.scale != 1)):
        if is_given:
            raise ValueError(f"{name}: {cases!r} can't be given to a function under @njit")

    return CasesType(*map(typeof, _members_of_cases(cases)))


def _members_of_cases(cases: Cases) -> tuple[object, object, object]:
    """Inputs, targets and weights as kernels take them, but for the dtype of floats."""
    y = cases.y.astype(np.int64, copy=False) if cases.y.dtype.kind in "iub" else cases.y
    weights = None if cases.weights is None else _plain(cases.weights.astype(np.float64, copy=False))

    return _plain(cases.x), _plain(y), weights


def _plain(array: NDArray[Any]) -> object:
    """The array, C-contiguous, or the number that one without dimensions holds."""
    return np.ascontiguousarray(array) if array.ndim else array.item()


def _cases_of(x: Any, y: Any, weights: Any) -> Cases:
    return Cases(x, y, weights=weights)


unbox(CasesType)(partial(_unboxed, _members_of_cases))
box(CasesType)(partial(_boxed, _cases_of))


@unbox(LossType)
def _unbox_loss(loss: LossType, value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@lower_constant(LossType)
def _constant_loss(context: Any, builder: IRBuilder, loss: LossType, value: Any) -> Any:
    return context.get_dummy_value()


def _members_of_optimizer(optimizer: Optimizer) -> tuple[NDArray[np.int64]]:
    return (optimizer_words_of(optimizer),)


unbox(OptimizerType)(partial(_unboxed, _members_of_optimizer))


@lower_constant(OptimizerType)
def _constant_optimizer(context: Any, builder: IRBuilder, kind: OptimizerType, optimizer: Optimizer) -> Any:
    """The words, and the optimizer's code for the dtypes in use, as parts of the function that has the optimizer."""
    words = [ir.Constant(WORD, int(word)) for word in words_of(optimizer)]
    for at, dtype, code in code_of(optimizer, dtypes_in_use):
        words[at] = code.embed(context, builder, dtype).ptrtoint(WORD)
    constant = ir.Constant(ir.ArrayType(WORD, len(words)), words)
    data = builder.bitcast(cgutils.global_constant(builder, "fnn.optimizer_words", constant), WORD.as_pointer())
    array, size = make_array(SPEC)(context, builder), ir.Constant(WORD, 8)
    populate_array(
        array, data=data, shape=[ir.Constant(WORD, len(words))], strides=[size], itemsize=size, meminfo=None
    )  # fmt: skip
    native = cgutils.create_struct_proxy(kind)(context, builder)
    native.words = array._getvalue()

    return native._getvalue()


def _members_of_state(state: OptimizerState[Any]) -> tuple[int, int, int, NDArray[np.int64], NDArray[np.uint8]]:
    """The members of a state as jitted functions have them; ValueError or TypeError if it isn't a valid state."""
    step, vectors = whole("state.step", state.step, at_least=0, at_most=2**62), state.vectors
    for i, vector in enumerate(vectors):
        require_params(f"state.vectors[{i}]", vector)
        require_same_structure(f"state.vectors[{i}]", vectors[0], vector)
        if vector.dtype != vectors[0].dtype:
            raise ValueError(f"state.vectors[{i}]: needs {vectors[0].dtype}, got {vector.dtype}")
    if not vectors:
        return step, 0, 0, _NO_SPEC, np.zeros(0, np.uint8)
    dtype, flat = vectors[0].dtype, np.concatenate([vector.flat_buffer for vector in vectors])
    spec = getattr(vectors[0].architecture, f"_spec_{dtype}")

    return step, len(vectors), dtype.itemsize, spec, flat.view(np.uint8)


def _state_of(
    step: int, count: int, itemsize: int, spec: NDArray[np.int64], vectors: NDArray[np.uint8]
) -> OptimizerState[Any]:
    if count == 0:
        return OptimizerState(step, ())
    architecture, rows = architecture_of_spec(spec), vectors.view(f"f{itemsize}").reshape(count, -1)

    return OptimizerState(step, tuple(wrap(row, architecture) for row in rows))


unbox(StateType)(partial(_unboxed, _members_of_state))
box(StateType)(partial(_boxed, _state_of))


@lower_constant(CasesType)
@lower_constant(StateType)
def _no_constant(context: Any, builder: IRBuilder, kind: StructType, value: Any) -> Any:
    name, it = ("cases", "them") if isinstance(kind, CasesType) else ("state", "it")
    raise TypingError(f"{name}: a jitted function can't hold {it} as a global or a default; pass {it} as an argument")
