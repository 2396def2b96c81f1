"""Optimizers and their state from Python to jitted functions, and the state back."""

from typing import Any

import numpy as np
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import NativeValue, box, unbox
from numba.np.arrayobj import make_array, populate_array
from numpy.typing import NDArray

from fnn.checks import whole
from fnn.compiler.internals import IRBuilder, TypingError, cgutils, ir
from fnn.network.params import require_params, wrap
from fnn.network.tree import require_same_structure
from fnn.njit.boxing import architecture_of_spec, call_python
from fnn.njit.optimizer_words import code_of, dtypes_in_use, optimizer_words_of, words_of
from fnn.njit.structures import WORD
from fnn.njit.types import SPEC, OptimizerType, StateType
from fnn.optimizers.optimizer import Optimizer, OptimizerState

_NO_SPEC = np.zeros(0, np.int64)
_NO_SPEC.setflags(write=False)


@unbox(OptimizerType)
def _unbox_optimizer(kind: OptimizerType, value: Any, c: Any) -> NativeValue:
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    is_error = cgutils.alloca_once_value(c.builder, cgutils.true_bit)
    words = call_python(c, optimizer_words_of, (value,))
    with c.builder.if_then(c.builder.not_(cgutils.is_null(c.builder, words)), likely=True):
        unboxed = c.unbox(SPEC, words)  # which takes a reference of its own
        native.words = unboxed.value
        c.builder.store(unboxed.is_error, is_error)
        c.pyapi.decref(words)

    return NativeValue(native._getvalue(), is_error=c.builder.load(is_error))


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


def _members(state: OptimizerState[Any]) -> tuple[int, int, int, NDArray[np.int64], NDArray[np.uint8]]:
    """The members of a state as jitted functions have them; ValueError or TypeError if it isn't a valid state."""
    step, vectors = whole("state.step", state.step, at_least=0, at_most=2**62), state.vectors
    for i, vector in enumerate(vectors):
        require_params(f"state.vectors[{i}]", vector)
        require_same_structure(f"state.vectors[{i}]", vectors[0], vector)
        if vector.dtype != vectors[0].dtype:
            raise ValueError(f"state.vectors[{i}]: needs {vectors[0].dtype}, got {vector.dtype}")
    if not vectors:
        return step, 0, 0, _NO_SPEC, np.zeros(0, np.uint8)
    spec = getattr(vectors[0].architecture, f"_spec_{vectors[0].dtype}")

    return (
        step,
        len(vectors),
        vectors[0].dtype.itemsize,
        spec,
        np.concatenate([v.flat_buffer for v in vectors]).view(np.uint8),
    )


@unbox(StateType)
def _unbox_state(kind: StateType, value: Any, c: Any) -> NativeValue:
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    is_error = cgutils.alloca_once_value(c.builder, cgutils.true_bit)
    members = call_python(c, _members, (value,))
    with c.builder.if_then(c.builder.not_(cgutils.is_null(c.builder, members)), likely=True):
        kinds = (types.int64, types.int64, types.int64, SPEC, kind.vectors)
        parts = [c.unbox(t, c.pyapi.tuple_getitem(members, i)) for i, t in enumerate(kinds)]
        native.step, native.count, native.itemsize, native.spec, native.vectors = (part.value for part in parts)
        has_error = cgutils.false_bit
        for part in parts:
            has_error = c.builder.or_(has_error, part.is_error)
        c.builder.store(has_error, is_error)
        c.pyapi.decref(members)

    return NativeValue(native._getvalue(), is_error=c.builder.load(is_error))


def _state_of(
    step: int, count: int, itemsize: int, spec: NDArray[np.int64], vectors: NDArray[np.uint8]
) -> OptimizerState[Any]:
    """The state that a jitted function returned, from its members."""
    if count == 0:
        return OptimizerState(step, ())
    architecture, rows = architecture_of_spec(spec), vectors.view(f"f{itemsize}").reshape(count, -1)

    return OptimizerState(step, tuple(wrap(row, architecture) for row in rows))


@box(StateType)
def _box_state(kind: StateType, value: Any, c: Any) -> Any:
    native = cgutils.create_struct_proxy(kind)(c.context, c.builder, value=value)
    numbers = [c.box(types.int64, number) for number in (native.step, native.count, native.itemsize)]
    parts = [*numbers, c.box(SPEC, native.spec), c.box(kind.vectors, native.vectors)]  # which give their references
    result = call_python(c, _state_of, parts)
    for part in parts:
        c.pyapi.decref(part)

    return result


@lower_constant(StateType)
def _constant_state(context: Any, builder: IRBuilder, kind: StateType, value: Any) -> Any:
    raise TypingError("state: a jitted function can't hold it as a global or a default; pass it as an argument")
