"""``optimizer.init`` and ``optimizer.update`` in nopython mode, and ``state.step``."""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, make_attribute_wrapper

from fnn.compiler.internals import IRBuilder
from fnn.data.kernels.faults import FINE
from fnn.njit.calls import begin_state, step_all, with_flat
from fnn.njit.errors import NO_MEMORY, refuse, require_gradient, require_network, require_state
from fnn.njit.kernels.optimizer_words import STATES
from fnn.njit.registration import Body, method_in_nopython
from fnn.njit.structures import WORD, members_of, value_of
from fnn.njit.types import STATE, OptimizerType, StateType
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
        spec, itemsize = members_of(context, builder, params, values[0]).spec, WORD(params.dtype.bitwidth // 8)
        _, step, count, vectors = values
        return value_of(context, builder, STATE, step=step, count=count, itemsize=itemsize, spec=spec, vectors=vectors)

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
    require_gradient(params, grads)
    require_state(state)

    def body(optimizer: Any, params: Any, grads: Any, state: Any) -> Any:
        into, vectors = np.empty(params.flat.size, params.flat.dtype), np.empty(state._vectors.size, np.uint8)
        status = step_all(params, grads, optimizer, state, into, vectors)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into), new_state(params, state.step + 1, optimizer._words[STATES], vectors)

    return body
