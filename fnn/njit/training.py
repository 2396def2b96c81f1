"""`fnn.train` in nopython mode: a fixed number of epochs, in the calling thread, whatever number it may use."""

from typing import Any

import numpy as np

from fnn.compiler.internals import TypingError
from fnn.data.kernels.faults import FINE
from fnn.njit.calls import loss_at, optimize_all, train_all, whole_or, with_flat
from fnn.njit.cases import Objective, objective_of
from fnn.njit.errors import NO_MEMORY, refuse, require_left_out, require_number, require_state, unwrapped
from fnn.njit.kernels.optimizer_words import STATES
from fnn.njit.optimizers import new_state, phase_at
from fnn.njit.registration import Body, Call, in_nopython
from fnn.njit.types import NativeHistory, NativeOptimizedRun, NativeRun, OptimizerType
from fnn.training.train import train

_ALL_CASES = 2**62


@in_nopython(train, prefer_literal=True)
def _train(call: Call) -> Body:
    require_left_out(
        call, "shuffle", "first_epoch", "regularization", "validation", "stopping", "callbacks", "checkpoint", "shards",
        "comm", "total_cases",
    )  # fmt: skip
    objective = objective_of(call)
    for name, value in (("epochs", call.epochs), ("seed", call.seed)):
        require_number(name, value, whole=True)
    for name, value in (("batch_size", call.batch_size), ("threads", call.threads)):
        if unwrapped(value) is not None:
            require_number(name, value, whole=True)
    if unwrapped(call.optimizer) is None:
        require_number("eta", call.eta)
        require_left_out(call, "state")
        return _by_eta(objective)
    if not isinstance(call.optimizer, OptimizerType):
        raise TypingError(f"optimizer: needs an optimizer such as fnn.adam(1e-3), got {call.optimizer}")
    if unwrapped(call.eta) is not None:
        raise TypingError(f"eta: the optimizer has its own, so it can't be given too; got {call.eta}")
    if unwrapped(call.state) is not None:
        require_state(call.state)

    return _by_optimizer(objective, call.params.dtype.bitwidth // 8)


def _by_eta(objective: Objective) -> Body:
    mean, arrange = objective

    def body(
        params: Any, x: Any, y: Any, optimizer: Any, eta: Any, epochs: Any, batch_size: Any, seed: Any, shuffle: Any,
        first_epoch: Any, loss: Any, reduction: Any, regularization: Any, validation: Any, stopping: Any,
        callbacks: Any, checkpoint: Any, state: Any, threads: Any, shards: Any, comm: Any, total_cases: Any,
    ) -> Any:  # fmt: skip
        if whole_or(threads, 1) < 1:
            raise ValueError("threads: must be at least 1")
        cases, batch = arrange(x, y), whole_or(batch_size, _ALL_CASES)
        into, history = np.empty(params.flat.size, params.flat.dtype), np.empty(max(epochs, 0))
        status = train_all(params, cases, loss_at(params, loss), mean, eta, batch, seed, epochs, history, into)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return NativeRun(with_flat(params, into), NativeHistory(history))

    return body


def _by_optimizer(objective: Objective, itemsize: int) -> Body:
    mean, arrange = objective

    def body(
        params: Any, x: Any, y: Any, optimizer: Any, eta: Any, epochs: Any, batch_size: Any, seed: Any, shuffle: Any,
        first_epoch: Any, loss: Any, reduction: Any, regularization: Any, validation: Any, stopping: Any,
        callbacks: Any, checkpoint: Any, state: Any, threads: Any, shards: Any, comm: Any, total_cases: Any,
    ) -> Any:  # fmt: skip
        if whole_or(threads, 1) < 1:
            raise ValueError("threads: must be at least 1")
        cases, batch = arrange(x, y), whole_or(batch_size, _ALL_CASES)
        into, history = np.empty(params.flat.size, params.flat.dtype), np.empty(max(epochs, 0))
        count = optimizer._words[STATES]
        vectors = np.empty(count * into.size * itemsize, np.uint8)
        steps, status = optimize_all(
            params, cases, loss_at(params, loss), mean, optimizer, phase_at(params), state, batch, seed,
            epochs, history, into, vectors,
        )  # fmt: skip
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return NativeOptimizedRun(
            with_flat(params, into), NativeHistory(history), new_state(params, steps, count, vectors)
        )

    return body
