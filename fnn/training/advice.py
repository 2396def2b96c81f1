"""Warnings before a run about what most often keeps it from learning, without a sign in its error: scales."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from fnn.data.batch_stream import BatchStream
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import Params
from fnn.training.task import Task

_FITTING: Final = {"squared_error", "absolute_error", "huber", "log_cosh", "quantile", "poisson", "gamma"}  # least at y
_SOME: Final = 256  # cases whose inputs are looked at
_MANY: Final = 4096  # targets, where they aren't in memory
_LARGE: Final = 10.0  # inputs that aren't standardised
_ROUNDING: Final = 1e-6
_UNITS: Final = 32
_NEAR_END: Final = 0.01  # of an activation's range
_MOST: Final = 0.75


class ScaleWarning(UserWarning):
    """What a run is to learn is beyond its output's range, or its inputs saturate the first layer."""


def advise(tasks: Iterable[Task[Any]], stacklevel: int) -> None:
    """Warn of targets that an output can't reach, and of inputs that saturate a first layer; of each kind once."""
    seen: set[tuple[object, ...]] = set()
    for task in tasks:
        params, cases, loss = task.params, task.cases, task.objective.loss
        if isinstance(cases, BatchStream):  # its cases come later
            continue
        kind = params.architecture, loss, id(cases.x), id(cases.y)
        if kind in seen:
            continue
        seen.add(kind)
        for message in (_of_targets(params, cases, loss), _of_inputs(params, cases)):
            if message is not None:
                warnings.warn(message, ScaleWarning, stacklevel=stacklevel + 1)


def _of_targets(params: Params[Any], cases: CaseArrays[Any], loss: Loss) -> str | None:
    output = params.activations[-1]
    low, high = output.range
    if (low, high) == (-np.inf, np.inf) or loss.name.partition("(")[0] not in _FITTING or cases.y.size == 0:
        return None
    y = cases.y if cases.sources is None else cases.y[:_MANY].astype(np.float64)
    least, greatest = float(np.minimum.reduce(y, None)), float(np.maximum.reduce(y, None))
    if least >= low - _ROUNDING and greatest <= high + _ROUNDING:
        return None
    outside = int(np.count_nonzero(((y < low) | (y > high)).any(axis=1)))

    return (
        f"y: the targets of {outside} of {len(y)} cases lie outside {_interval(low, high)}, all that {output!r} at the "
        f"output can reach: they go from {least:.6g} to {greatest:.6g}. Write fnn.init(.., output=fnn.identity), best "
        f"with standardised targets, (y - y.mean(0)) / y.std(0), which fnn.fold brings into the network; or scale y"
    )


def _of_inputs(params: Params[Any], cases: CaseArrays[Any]) -> str | None:
    first = params.activations[0]
    low, high = first.range
    if first.is_rowwise or low == -np.inf or high == np.inf:
        return None
    x = cases.x[:_SOME] if cases.sources is None else cases.chunk(0, _SOME).x
    least, greatest = float(np.minimum.reduce(x, None)), float(np.maximum.reduce(x, None))
    if max(-least, greatest) <= _LARGE:
        return None
    a = first(x @ params["W1"][:, :_UNITS] + params["b1"][:_UNITS])
    near = _NEAR_END * (high - low)
    saturated = float(np.mean((a <= low + near) | (a >= high - near)))
    if saturated <= _MOST:
        return None

    return (
        f"x: {saturated:.0%} of the first layer's outputs are saturated, where {first!r} is nearly flat, so that "
        f"little can be learned: inputs go from {least:.6g} to {greatest:.6g}. Standardise them, "
        f"(x - x.mean(0)) / x.std(0), which fnn.fold brings into the network; or give fnn.Cases a scale"
    )


def _interval(low: float, high: float) -> str:
    left, right = ("(−∞" if low == -np.inf else f"[{low:.4g}"), ("∞)" if high == np.inf else f"{high:.4g}]")

    return f"{left}, {right}"
