"""What restrains a network in training: penalties, decay, clipping, norms, dropout, connections removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import flag, positive, real, real_array, whole
from fnn.network.params import DT, Params, require_params, wrap
from fnn.optimizers.kernels.abi import GRADIENT_NORM, L1, L2, MOST, SHRINK, SHRINK_BIASES, UNIT_NORM

Mask: TypeAlias = Mapping[str, ArrayLike]

OF_ALL: Final = 2**53  # as many chances as a unit's random number has


@dataclass(frozen=True, eq=False)
class Restraints:
    """Those of a run, checked."""

    l2: float
    l1: float
    decay: float
    decay_biases: bool
    clip: float
    clip_norm: float
    max_norm: float
    dropped: tuple[int, ...]  # for each layer but the last, how often of OF_ALL times a unit is dropped
    mask: NDArray[np.bool_] | None  # of the parameters that are there, as one vector

    @property
    def modifies_weights(self) -> bool:
        """Whether there is any but dropout."""
        numbers = (self.l2, self.l1, self.decay, self.clip, self.clip_norm, self.max_norm)

        return self.mask is not None or numbers != (0, 0, 0, np.inf, 0, 0)

    def fill(self, table: NDArray[Any]) -> None:
        """Write their numbers beside those of the optimizer."""
        table[:, [L2, L1, SHRINK, SHRINK_BIASES]] = self.l2, self.l1, 1 - self.decay, self.decay_biases
        table[:, [MOST, GRADIENT_NORM, UNIT_NORM]] = self.clip, self.clip_norm, self.max_norm


def penalty(params: Params[DT], *, l2: SupportsFloat = 0.0, l1: SupportsFloat = 0.0) -> tuple[float, Params[DT]]:
    """What weights cost: the value, to add to `error`, and the gradient, to add to `grad`.

        E = ½ λ₂ Σ W² + λ₁ Σ |W|,   ∂E/∂W = λ₂ W + λ₁ sign W,   ∂E/∂b = 0

    `train` adds it to the error of every batch. Nielsen's λ (chapter 3) is λ₂ N with ``reduction="mean"``.

    Parameters
    ----------
    params
        The network; its biases cost nothing.
    l2, l1
        λ₂ and λ₁, at least 0.

    Returns
    -------
    E in float64, and Params of the same architecture and dtype.

    Raises
    ------
    ValueError
        λ₂ or λ₁ negative or not finite.
    TypeError
        An argument of another type.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[3.0], [-1.0]], "b1": [2.0]}, hidden=(), output=fnn.identity)
    >>> E, g = fnn.penalty(p, l2=0.5, l1=0.25)
    >>> E, g.flat
    (3.5, array([ 1.75, -0.75,  0.  ]))
    """
    require_params("params", params)
    dtype = params.dtype
    lambda_2, lambda_1 = real("l2", l2, at_least=0, dtype=dtype), real("l1", l1, at_least=0, dtype=dtype)
    E, slope = 0.0, np.zeros_like(params._flat)
    for key, place, _ in params._architecture.slices():
        if key.startswith("W"):
            W = params._flat[place]
            E += 0.5 * lambda_2 * float(np.sum(W.astype(np.float64) ** 2))
            E += lambda_1 * float(np.sum(np.abs(W), dtype=np.float64))
            slope[place] = lambda_2 * W + lambda_1 * np.sign(W)

    return E, wrap(slope, params._architecture)


def restraints_of(
    params: Params[Any], l2: SupportsFloat, l1: SupportsFloat, decay: SupportsFloat, decay_biases: bool,
    clip: SupportsFloat | None, clip_norm: SupportsFloat | None, max_norm: SupportsFloat | None,
    dropout: SupportsFloat | Sequence[SupportsFloat], mask: Mask | None,
) -> Restraints:  # fmt: skip
    """Check the arguments of `train`."""
    dtype = params.dtype
    return Restraints(
        real("l2", l2, at_least=0, dtype=dtype),
        real("l1", l1, at_least=0, dtype=dtype),
        real("decay", decay, at_least=0, below=1),
        flag("decay_biases", decay_biases),
        np.inf if clip is None else positive("clip", clip, dtype),
        0.0 if clip_norm is None else positive("clip_norm", clip_norm, dtype),
        0.0 if max_norm is None else positive("max_norm", max_norm, dtype),
        _dropped(params, dropout),
        None if mask is None else _flat_mask(params, mask),
    )


def _dropped(params: Params[Any], dropout: SupportsFloat | Sequence[SupportsFloat]) -> tuple[int, ...]:
    layers = len(params.activations)
    if not isinstance(dropout, Sequence):
        rates = [0.0] + [real("dropout", dropout, at_least=0, below=1)] * (layers - 1)
    else:
        rates = [real(f"dropout[{i}]", rate, at_least=0, below=1) for i, rate in enumerate(dropout)]
    if len(rates) != layers:
        raise ValueError(
            f"dropout: needs one number for all hidden layers, or one for the inputs and each of {layers - 1} hidden "
            f"layers, got {len(rates)}"
        )

    return tuple(int(rate * OF_ALL) for rate in rates)


def _flat_mask(params: Params[Any], mask: Mask) -> NDArray[np.bool_]:
    if not isinstance(mask, Mapping):
        raise TypeError(f"mask: needs a mapping from W1, b1, .. to arrays of 0 and 1, got {type(mask).__name__}")
    flat = np.ones(params.flat.size, np.bool_)
    places = {key: (place, shape) for key, place, shape in params._architecture.slices()}
    for key, value in mask.items():
        if key not in places:
            raise ValueError(f"mask: unknown key {key!r}; this network has {', '.join(places)}")
        place, shape = places[key]
        array = real_array(f"mask[{key!r}]", value)
        if array.shape != shape:
            raise ValueError(f"mask[{key!r}]: needs shape {shape}, got {array.shape}")
        if not np.isin(array, (0, 1)).all():
            strange = array[~np.isin(array, (0, 1))][0]
            raise ValueError(f"mask[{key!r}]: must be 0 and 1, got {strange}")
        flat[place] = array.ravel() == 1

    return flat


def connections(
    inputs: SupportsIndex, units: SupportsIndex, *blocks: tuple[Iterable[SupportsIndex], Iterable[SupportsIndex]]
) -> NDArray[np.bool_]:
    """A mask of the connections of one layer: these inputs go to those units, and no others (F4; S1).

    Parameters
    ----------
    inputs, units
        How many there are.
    blocks
        Pairs of inputs and units, counted from 0: all of the first are connected to all of the second.

    Returns
    -------
    (inputs, units), True where there is a connection: for ``fnn.train(.., mask={"W1": ..})``.

    Raises
    ------
    ValueError
        A number out of range.
    TypeError
        A number that isn't whole, or a block that isn't a pair.

    Examples
    --------
    >>> import fnn
    >>> fnn.connections(3, 3, (range(2), [0]), ([2], [1, 2])).astype(int)
    array([[1, 0, 0],
           [1, 0, 0],
           [0, 1, 1]])
    """
    made = np.zeros((whole("inputs", inputs, at_least=1), whole("units", units, at_least=1)), np.bool_)
    for i, block in enumerate(blocks):
        if not isinstance(block, tuple) or len(block) != 2 or not all(isinstance(end, Iterable) for end in block):
            raise TypeError(f"blocks[{i}]: needs a pair of inputs and units, got {block!r}")
        ends = [
            [whole(f"blocks[{i}][{side}]", n, at_least=0, at_most=size - 1) for n in numbers]
            for side, (numbers, size) in enumerate(zip(block, made.shape, strict=True))
        ]
        made[np.ix_(*ends)] = True

    return made
