"""``optimizer.init`` and ``optimizer.update`` in nopython mode, and ``state.step``."""

from typing import Any

import numpy as np
from numba import types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, make_attribute_wrapper

from fnn.compiler.internals import IRBuilder, TypingError, cgutils
from fnn.data.kernels.faults import FINE
from fnn.njit.calls import begin_state, step_all, with_flat
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.kernels.optimizer_words import STATES
from fnn.njit.registration import Body, method_in_nopython
from fnn.njit.structures import WORD
from fnn.njit.types import STATE, OptimizerType, ParamsType, StateType
from fnn.optimizers.optimizer import Optimizer
from fnn.training.kernels.phases import OPTIMIZER_PHASE

make_attribute_wrapper(OptimizerType, "words", "_words")
make_attribute_wrapper(StateType, "step", "step")
make_attribute_wrapper(StateType, "vectors", "_vectors")

_init, _update = Optimizer.init, Optimizer.update


@intrinsic
def new_state(typingctx: Any, params: Any, step: Any, count: Any, vectors: Any) -> Any:
    """The state after `step` steps, with `count` vectors like params, which must not be written to afterwards."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        native = cgutils.create_struct_proxy(STATE)(context, builder)
        native.spec = cgutils.create_struct_proxy(params)(context, builder, value=values[0]).spec
        native.step, native.count, native.vectors = values[1:]
        native.itemsize = WORD(params.dtype.bitwidth // 8)
        return impl_ret_borrowed(context, builder, STATE, native._getvalue())

    return STATE(params, types.int64, types.int64, types.Array(types.uint8, 1, "C")), codegen


@intrinsic
def phase_at(typingctx: Any, params: Any) -> Any:
    """The address of `optimizer_phase`, which becomes part of the function that calls this."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> Any:
        return builder.ptrtoint(OPTIMIZER_PHASE.embed(context, builder, params.dtype), WORD)

    return types.int64(params), codegen


def _call_init(optimizer: Any, params: Any) -> Any:
    return _init(optimizer, params)


@method_in_nopython(OptimizerType, _init, _call_init)
def _init_in_nopython(optimizer: Any, params: Any) -> Body:
    require_network("params", params)
    itemsize = params.dtype.bitwidth // 8

    def body(optimizer: Any, params: Any) -> Any:
        count, size = optimizer._words[STATES], params.flat.size
        vectors = np.empty(count * size * itemsize, np.uint8)
        begin_state(params, optimizer, vectors, size)
        return new_state(params, 0, count, vectors)

    return body


def _call_update(optimizer: Any, params: Any, grads: Any, state: Any) -> Any:
    return _update(optimizer, params, grads, state)


@method_in_nopython(OptimizerType, _update, _call_update)
def _update_in_nopython(optimizer: Any, params: Any, grads: Any, state: Any) -> Body:
    require_network("params", params)
    if not isinstance(grads, ParamsType) or grads.dtype != params.dtype:
        raise TypingError(f"grads: needs fnn.Params of {params.dtype} inside @njit, got {grads}")
    require_state(state)

    def body(optimizer: Any, params: Any, grads: Any, state: Any) -> Any:
        into, vectors = np.empty(params.flat.size, params.flat.dtype), np.empty(state._vectors.size, np.uint8)
        status = step_all(params, grads, optimizer, state, into, vectors)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into), new_state(params, state.step + 1, optimizer._words[STATES], vectors)

    return body


def require_state(state: Any) -> None:
    """Raise unless it is `OptimizerState`."""
    if not isinstance(state, StateType):
        raise TypingError(f"state: needs what init or update returned, got {state}")


def require_network(name: str, params: Any) -> None:
    """Raise unless it is `Params`."""
    if not isinstance(params, ParamsType):
        raise TypingError(f"{name}: needs fnn.Params, got {params}")
