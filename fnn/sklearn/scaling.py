"""`Scaling`: inputs and targets standardised by what is trained on, and networks brought back to raw units."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnn.network.fold import fold
from fnn.network.params import AnyParams

Array = NDArray[Any]


class Scaling(NamedTuple):
    """What is subtracted from inputs and targets, and what they are then divided by; (n_0,) and (n_L,), or numbers."""

    x_shift: Array
    x_scale: Array
    y_shift: Array
    y_scale: Array

    def inputs(self, x: Array) -> Array:
        """Inputs in standard units, in their dtype."""
        scaled: Array = (x - self.x_shift) / self.x_scale

        return scaled.astype(x.dtype, copy=False)

    def targets(self, y: Array) -> Array:
        """Targets in standard units; classes, which aren't scaled, as they are."""
        return y if self.y_shift.ndim == 0 else (y - self.y_shift) / self.y_scale

    def raw_targets(self, y: Array) -> Array:
        """Targets in raw units, in their dtype."""
        raw: Array = self.y_shift + self.y_scale * y

        return raw.astype(y.dtype, copy=False)

    def folded(self, params: AnyParams) -> AnyParams:
        """The network that takes and gives raw units."""
        return fold(params, **self._asdict())


def scaling_of(x: Array, y: Array, weights: Array | None, *, scales_targets: bool) -> Scaling:
    """The means and standard deviations of weighted cases; a column that is constant is only shifted."""
    shift, scale = _moments(x, weights)
    offset, factor = _moments(y, weights) if scales_targets else (np.zeros(()), np.ones(()))

    return Scaling(shift, scale, offset, factor)


def _moments(values: Array, weights: Array | None) -> tuple[Array, Array]:
    wide = values.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(wide, axis=0, weights=weights)
        deviation = np.sqrt(np.average((wide - mean) ** 2, axis=0, weights=weights))
    if not np.isfinite(deviation).all():
        column = int(np.argmin(np.isfinite(deviation)))
        raise ValueError(f"standardize: the values of column {column} are too large for a standard deviation")
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float64)
    is_constant = deviation <= 10 * np.finfo(dtype).eps * np.abs(mean)

    return mean, np.where(is_constant, 1.0, deviation)
