"""`fnn.train` in nopython mode: a fixed number of epochs, in the calling thread, whatever number it may use."""

from typing import Any

import numpy as np
from numba.core.errors import TypingError
from numba.extending import register_jitable

from fnn.kernels.problem import FINE
from fnn.losses import squared_error
from fnn.nopython.calls import loss_at, train_all, with_flat
from fnn.nopython.checks import measure, require_number, require_whole, unwrapped
from fnn.nopython.gradients import arrangements
from fnn.nopython.registration import OUTSIDE, UNSUITED, Body, in_nopython, refuse
from fnn.nopython.types import NativeHistory, NativeRun, ParamsType
from fnn.training import train

_ALL_CASES = 2**62


@register_jitable
def _never(threads: Any) -> bool:
    return False


@register_jitable
def _is_below_1(threads: Any) -> bool:
    return int(threads) < 1


@in_nopython(train, prefer_literal=True)
def _train(
    params: Any, x: Any, y: Any, eta: Any, epochs: Any, batch_size: Any = None, loss: Any = squared_error,
    reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0, callback: Any = None,
    progress: Any = None, threads: Any = None,
) -> Body | None:  # fmt: skip
    if not isinstance(params, ParamsType):
        return None
    known = measure(params, x, y, loss, reduction, weights)
    mean, needs_output, needs_targets = known.constants
    require_number("eta", eta)
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
    arrange_y, arrange_weights = arrangements(y, weights)
    whole = unwrapped(batch_size) is None
    if not whole:
        require_whole("batch_size", batch_size)

    def all_at_once(
        params: Any, x: Any, y: Any, eta: Any, epochs: Any, batch_size: Any = None, loss: Any = squared_error,
        reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0, callback: Any = None,
        progress: Any = None, threads: Any = None,
    ) -> Any:  # fmt: skip
        if is_too_few(threads):
            raise ValueError("threads: must be at least 1")
        into, history = np.empty(params.flat.size, x.dtype), np.empty(max(epochs, 0))
        status = train_all(
            params, x, y, weights, loss_at(params, loss), mean, eta, _ALL_CASES, seed, epochs, history, into
        )
        if status == OUTSIDE:
            raise ValueError(needs_targets)
        if status == UNSUITED:
            raise ValueError(needs_output)
        if status != FINE:
            refuse(status)
        return NativeRun(with_flat(params, into), NativeHistory(history))

    def in_batches(
        params: Any, x: Any, y: Any, eta: Any, epochs: Any, batch_size: Any = None, loss: Any = squared_error,
        reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0, callback: Any = None,
        progress: Any = None, threads: Any = None,
    ) -> Any:  # fmt: skip
        if is_too_few(threads):
            raise ValueError("threads: must be at least 1")
        into, history = np.empty(params.flat.size, x.dtype), np.empty(max(epochs, 0))
        status = train_all(
            params, x, y, weights, loss_at(params, loss), mean, eta, batch_size, seed, epochs, history, into
        )
        if status == OUTSIDE:
            raise ValueError(needs_targets)
        if status == UNSUITED:
            raise ValueError(needs_output)
        if status != FINE:
            refuse(status)
        return NativeRun(with_flat(params, into), NativeHistory(history))

    def rearranged(
        params: Any, x: Any, y: Any, eta: Any, epochs: Any, batch_size: Any = None, loss: Any = squared_error,
        reduction: Any = "sum", weights: Any = None, validation: Any = None, seed: Any = 0, callback: Any = None,
        progress: Any = None, threads: Any = None,
    ) -> Any:  # fmt: skip
        shares = arrange_weights(weights)
        return train(
            params, np.ascontiguousarray(x), arrange_y(y), eta=eta, epochs=epochs, batch_size=batch_size, loss=loss,
            reduction=reduction, weights=shares, seed=seed, threads=threads,
        )  # fmt: skip

    if not known.ready:
        return rearranged

    return all_at_once if whole else in_batches
