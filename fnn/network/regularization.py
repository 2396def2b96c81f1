"""`Regularization`: penalties on the weights, dropout, and masks of connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.calls import by_name
from fnn.boundary.checks import real
from fnn.network.kernels.penalty import penalize_kernel
from fnn.network.masks import Mask, flat_mask, mask_arrays
from fnn.network.params import DT, Params, require_params, wrap

OF_ALL: Final = 2**53  # the values that a unit's random number may have


@by_name
@dataclass(frozen=True, kw_only=True, eq=False)
class Regularization:
    """Penalties on the weights, dropout and removed connections, for `train`, `error`, `grad` and others.

        E = Σ_c E_c + ½ λ₂ Σ W² + λ₁ Σ |W|

    Parameters
    ----------
    l2, l1
        λ₂ and λ₁, finite and at least 0, of the `penalty` that is added to the error of every batch, except for biases.
        The history has the error without it. Nielsen's λ (chapter 3) is λ₂ N with ``reduction="mean"``.
    dropout
        The probability p in [0, 1) with which a unit is dropped from a training step (Srivastava et al. 2014): one for
        all hidden layers, or one for the inputs and one for each hidden layer. The outputs of the others are divided by
        1 − p, so that the trained network needs no scaling.
    mask
        0 for connections that are removed (F4; S1), else 1: a mapping from all or some of W1, b1, .. to arrays of their
        shapes, such as those of `connections`. A removed weight counts as 0, and stays 0 in training.

    Raises
    ------
    ValueError, TypeError
        A number out of range, an argument of another type. What depends on the network is checked by its first use.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[3.0], [-1.0]], "b1": [2.0]}, hidden=(), output=fnn.identity)
    >>> fnn.error(p, [1.0, 1.0], [4.0], regularization=fnn.Regularization(l2=0.5, l1=0.25))
    3.5
    """

    l2: SupportsFloat = 0.0
    l1: SupportsFloat = 0.0
    dropout: SupportsFloat | Sequence[SupportsFloat] = 0.0
    mask: Mask | None = None

    def __post_init__(self) -> None:
        real("l2", self.l2, at_least=0)
        real("l1", self.l1, at_least=0)
        _checked_rates(self.dropout)
        if isinstance(self.dropout, Sequence):
            object.__setattr__(self, "dropout", tuple(self.dropout))
        if self.mask is not None:  # a copy, so that the value stays as it is
            object.__setattr__(self, "mask", {key: value.copy() for key, value in mask_arrays(self.mask).items()})

    def of(self, params: Params[Any]) -> NetworkRegularization:
        """The regularization of a network; ValueError if it doesn't fit its dtype, number of layers or shapes."""
        return NetworkRegularization(
            real("l2", self.l2, at_least=0, dtype=params.dtype),
            real("l1", self.l1, at_least=0, dtype=params.dtype),
            _dropped(len(params.activations), self.dropout),
            None if self.mask is None else flat_mask(params, self.mask),
        )


class NetworkRegularization(NamedTuple):
    """The regularization of one network, in the form that kernels take."""

    l2: float = 0.0
    l1: float = 0.0
    dropped: tuple[int, ...] = ()  # for each layer but the last, how many of OF_ALL random numbers drop a unit
    mask: NDArray[np.bool_] | None = None  # of all parameters as one vector, True where a parameter is kept

    @property
    def modifies_weights(self) -> bool:
        """Whether it has a penalty or a mask."""
        return self.mask is not None or (self.l2, self.l1) != (0, 0)

    def masked(self, flat: NDArray[DT]) -> NDArray[DT]:
        """The vector with 0 for removed parameters."""
        return flat if self.mask is None else np.where(self.mask, flat, flat.dtype.type(0))

    @np.errstate(under="ignore")
    def add_penalty(self, params: Params[DT], value: float, slope: NDArray[DT], *, has_value: bool = True) -> float:
        """The value, with the penalty of masked params if `has_value`; adds its gradient to a slope unless empty."""
        for key, part, _ in params.architecture.slices():
            if key.startswith("W") and (self.l2 or self.l1):
                W = params.flat_buffer[part]
                if has_value:
                    value += 0.5 * self.l2 * float(np.sum(W.astype(np.float64) ** 2))
                    value += self.l1 * float(np.sum(np.abs(W), dtype=np.float64))
                penalize_kernel[params.dtype](W, slope[part], self.l2, self.l1)

        return value


NOT_REGULARIZED: Final = NetworkRegularization()


def regularization_of(params: Params[Any], regularization: Regularization | None) -> NetworkRegularization:
    """The regularization of a network; TypeError unless the argument is a `Regularization` or None."""
    if regularization is None:
        return NOT_REGULARIZED
    if not isinstance(regularization, Regularization):
        raise TypeError(f"regularization: needs fnn.Regularization(..), got {regularization!r:.60}")

    return regularization.of(params)


@by_name
def penalty(params: Params[DT], *, l2: SupportsFloat = 0.0, l1: SupportsFloat = 0.0) -> tuple[float, Params[DT]]:
    """The penalty on the weights: its value, to add to `error`, and its gradient, to add to `grad`.

        E = ½ λ₂ Σ W² + λ₁ Σ |W|,   ∂E/∂W = λ₂ W + λ₁ sign W,   ∂E/∂b = 0

    λ₂ and λ₁ are finite and at least 0. E is float64, the gradient Params of the same architecture and dtype.
    ``regularization=`` of `error`, `grad` and `train` adds both.

    Raises
    ------
    ValueError, TypeError
        λ₂ or λ₁ out of range, an argument of another type.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[3.0], [-1.0]], "b1": [2.0]}, hidden=(), output=fnn.identity)
    >>> E, g = fnn.penalty(p, l2=0.5, l1=0.25)
    >>> E, g.flat
    (3.5, array([ 1.75, -0.75,  0.  ]))
    """
    require_params("params", params)
    slope = np.zeros_like(params.flat_buffer)
    value = Regularization(l2=l2, l1=l1).of(params).add_penalty(params, 0.0, slope)

    return value, wrap(slope, params.architecture)


def _checked_rates(dropout: SupportsFloat | Sequence[SupportsFloat]) -> list[float]:
    """The rate, or that of each layer."""
    if not isinstance(dropout, Sequence):
        return [real("dropout", dropout, at_least=0, below=1)]

    return [real(f"dropout[{i}]", rate, at_least=0, below=1) for i, rate in enumerate(dropout)]


def _dropped(layers: int, dropout: SupportsFloat | Sequence[SupportsFloat]) -> tuple[int, ...]:
    rates = _checked_rates(dropout)
    if not isinstance(dropout, Sequence):
        rates = [0.0] + rates * (layers - 1)
    if len(rates) != layers:
        raise ValueError(
            f"dropout: needs one number for all hidden layers, or one for the inputs and each of {layers - 1} hidden "
            f"layers, got {len(rates)}"
        )

    return tuple(int(rate * OF_ALL) for rate in rates)
