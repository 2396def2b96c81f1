"""`fnn.train` in nopython mode: a fixed number of epochs, in the calling thread, whatever number it may use."""

from typing import Any

import numpy as np
from numba.core.errors import TypingError
from numba.extending import register_jitable

from fnn.data.kernels.faults import FINE
from fnn.losses.library import squared_error
from fnn.njit.argument_types import measure, require_number, require_whole, unwrapped
from fnn.njit.calls import loss_at, optimize_all, train_all, with_flat
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.gradients import arrangements
from fnn.njit.kernels.optimizer_words import STATES
from fnn.njit.optimizers import new_state, phase_at
from fnn.njit.registration import Body, in_nopython
from fnn.njit.types import NativeHistory, NativeOptimizedRun, NativeRun, OptimizerType, ParamsType
from fnn.training.train import train

_ALL_CASES = 2**62


@register_jitable
def _never(threads: Any) -> bool:
    return False


@register_jitable
def _is_below_1(threads: Any) -> bool:
    return int(threads) < 1


@register_jitable
def _all_cases(batch_size: Any) -> int:
    return _ALL_CASES


@register_jitable
def _as_given(batch_size: Any) -> int:
    return int(batch_size)


@in_nopython(train, prefer_literal=True)
def _train(
    params: Any, x: Any, y: Any, eta: Any = None, epochs: Any = None, batch_size: Any = None,
    loss: Any = squared_error, reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0,
    callback: Any = None, progress: Any = None, threads: Any = None, optimizer: Any = None,
) -> Body | None:  # fmt: skip
    if not isinstance(params, ParamsType):
        return None
    known = measure(params, x, y, loss, reduction, weights)
    mean = known.mean
    has_optimizer = _has_optimizer(eta, optimizer)
    for name, value in (("epochs", epochs), ("seed", seed)):
        require_whole(name, value)
    is_silent = unwrapped(progress) is None or unwrapped(progress) is False
    others = (("validation", validation), ("callback", callback), ("progress", None if is_silent else progress))
    for name, value in others:
        if unwrapped(value) is not None:
            raise TypingError(f"{name}: fnn.train can't take it inside @njit")
    is_too_few: Body = _never
    if unwrapped(threads) is not None:
        require_whole("threads", threads)
        is_too_few = _is_below_1
    size: Body = _all_cases
    if unwrapped(batch_size) is not None:
        require_whole("batch_size", batch_size)
        size = _as_given
    arrange_y, arrange_weights = arrangements(y, weights)
    itemsize = params.dtype.bitwidth // 8

    def descending(
        params: Any, x: Any, y: Any, eta: Any = None, epochs: Any = None, batch_size: Any = None,
        loss: Any = squared_error, reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0,
        callback: Any = None, progress: Any = None, threads: Any = None, optimizer: Any = None,
    ) -> Any:  # fmt: skip
        if is_too_few(threads):
            raise ValueError("threads: must be at least 1")
        into, history = np.empty(params.flat.size, x.dtype), np.empty(max(epochs, 0))
        status = train_all(
            params, x, y, weights, loss_at(params, loss), mean, eta, size(batch_size), seed, epochs, history, into
        )
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return NativeRun(with_flat(params, into), NativeHistory(history))

    def optimizing(
        params: Any, x: Any, y: Any, eta: Any = None, epochs: Any = None, batch_size: Any = None,
        loss: Any = squared_error, reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0,
        callback: Any = None, progress: Any = None, threads: Any = None, optimizer: Any = None,
    ) -> Any:  # fmt: skip
        if is_too_few(threads):
            raise ValueError("threads: must be at least 1")
        into, history = np.empty(params.flat.size, x.dtype), np.empty(max(epochs, 0))
        count = optimizer._words[STATES]
        vectors = np.empty(count * into.size * itemsize, np.uint8)
        steps, status = optimize_all(
            params, x, y, weights, loss_at(params, loss), mean, optimizer, phase_at(params), size(batch_size),
            seed, epochs, history, into, vectors,
        )  # fmt: skip
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return NativeOptimizedRun(
            with_flat(params, into), NativeHistory(history), new_state(params, steps, count, vectors)
        )

    def rearranged(
        params: Any, x: Any, y: Any, eta: Any = None, epochs: Any = None, batch_size: Any = None,
        loss: Any = squared_error, reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0,
        callback: Any = None, progress: Any = None, threads: Any = None, optimizer: Any = None,
    ) -> Any:  # fmt: skip
        arranged = arrange_weights(weights)
        return train(
            params, np.ascontiguousarray(x), arrange_y(y), eta=eta, epochs=epochs, batch_size=batch_size, loss=loss,
            reduction=reduction, weights=arranged, seed=seed, threads=threads, optimizer=optimizer,
        )  # fmt: skip

    if not known.ready:
        return rearranged

    return optimizing if has_optimizer else descending


def _has_optimizer(eta: Any, optimizer: Any) -> bool:
    """Whether it is by an optimizer, not by η; raise unless it is by one of them."""
    if unwrapped(optimizer) is None:
        require_number("eta", eta)
        return False
    if not isinstance(optimizer, OptimizerType):
        raise TypingError(f"optimizer: needs an optimizer such as fnn.adam(1e-3), got {optimizer}")
    if unwrapped(eta) is not None:
        raise TypingError(f"eta: the optimizer has its own, so it can't be given too; got {eta}")

    return True
