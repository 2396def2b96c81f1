"""Boxing and unboxing of `Params`, losses, and the quantities of `backprop`."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import NativeValue, box, unbox
from numpy.typing import NDArray

from fnn.activations.activation import activation_of
from fnn.activations.kernels.dispatch import CODE, DESCRIPTOR_SIZE
from fnn.compiler.internals import IRBuilder, cgutils
from fnn.network.architecture import Architecture
from fnn.network.params import Params, wrap
from fnn.njit.types import SPEC, ByLayerType, LossType, ParamsType

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


def _wrapped(flat: NDArray[Any], spec: NDArray[np.int64]) -> Params[Any]:
    """`Params` from a jitted function."""
    return wrap(flat, architecture_of_spec(spec))


def call_python(c: Any, function: Callable[..., object], arguments: Sequence[Any]) -> Any:
    """Call a Python function with Python objects; its result, or null if it raises."""
    callee = c.pyapi.unserialize(c.pyapi.serialize_object(function))
    result = c.pyapi.call_function_objargs(callee, arguments)
    c.pyapi.decref(callee)

    return result


@unbox(ParamsType)
def _unbox_params(params: ParamsType, value: Any, c: Any) -> NativeValue:
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


@box(ParamsType)
def _box_params(params: ParamsType, value: Any, c: Any) -> Any:
    native = cgutils.create_struct_proxy(params)(c.context, c.builder, value=value)
    flat, spec = c.box(params.flat, native.flat), c.box(SPEC, native.spec)  # each gives its reference away
    result = call_python(c, _wrapped, (flat, spec))
    for reference in (flat, spec):
        c.pyapi.decref(reference)

    return result


def _by_layer(values: NDArray[Any], spec: NDArray[np.int64], cases: int, single: bool, first: int) -> Any:
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
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder, value=value)
    parts = [
        c.box(kind.values, native.values), c.box(SPEC, native.spec), c.box(types.int64, native.cases),
        c.pyapi.unserialize(c.pyapi.serialize_object(kind.ndim == 1)),
        c.pyapi.unserialize(c.pyapi.serialize_object(kind.first)),
    ]  # fmt: skip
    result = call_python(c, _by_layer, parts)
    for reference in parts:
        c.pyapi.decref(reference)

    return result


@unbox(LossType)
def _unbox_loss(loss: LossType, value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@lower_constant(LossType)
def _constant_loss(context: Any, builder: IRBuilder, loss: LossType, value: Any) -> Any:
    return context.get_dummy_value()
