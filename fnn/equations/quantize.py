"""`quantize`: a trained network for inference with weights of 8 or 16 bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.calls import by_name
from fnn.boundary.checks import is_one_case, real_array
from fnn.equations.forward import forward
from fnn.network.architecture import Architecture
from fnn.network.leaves import cast_leaf
from fnn.network.params import Params, wrap
from fnn.network.quantized.layout import Kind
from fnn.network.quantized.value import MOST_INPUTS, Quantized, quantized_of
from fnn.network.tree import require_finite

_SINGLE: Final = np.dtype(np.float32)
_GREATEST_RATE: Final = 2.0**100  # so that it and 1 / scale are numbers of float32


@by_name
def quantize(params: Params[Any], x_calibration: ArrayLike | None = None, *, weights: Kind = "int8") -> Quantized:
    """A trained network for inference, with weights of 8 or 16 bits.

        q = fnn.quantize(params, x[:1000])
        a = q(x)

    Parameters
    ----------
    params
        The network, of either dtype.
    x_calibration
        Cases, (N, n_0), like those to come; some hundred will do. Their least and greatest values, and those of each
        hidden layer, become the ends of the 256 steps in which the inputs of a layer are measured, so that what lies
        beyond them later is clipped. For int8 only: bfloat16 needs none.
    weights
        ``"int8"``: integers from −127 to 127 times a scale for each unit (symmetric, by output channel; Jacob et al.
        2018), a quarter of float32's memory, and faster in batches as for single cases. ``"bfloat16"``: float32 rounded
        to 8 binary digits, half of the memory, and faster where weights come from memory: for single cases.

    Returns
    -------
    `Quantized`, which says how it computes: ``q(x)``. `save`, `load` and `to_c` know it, too.

    Raises
    ------
    ValueError
        params or x_calibration hold NaN or infinity, or numbers beyond float32 or bfloat16; x_calibration has another
        width, is empty, missing for int8 or given for bfloat16; a hidden layer's outputs are infinite; a layer of int8
        has more than 65,536 inputs; weights is another word.
    TypeError
        params isn't `Params`; x_calibration isn't made of real numbers.

    Examples
    --------
    >>> import fnn
    >>> params = fnn.Params({"W1": [[0.5], [-1.0]], "b1": [0.25]}, hidden=(), output=fnn.identity)
    >>> q = fnn.quantize(params, [[0.0, 1.0], [1.0, 0.5]])
    >>> q([1.0, 0.5]).round(2), fnn.forward(params, [1.0, 0.5])
    (array([0.25], dtype=float32), array([0.25]))
    """
    require_finite("params", params)
    if weights not in ("int8", "bfloat16"):
        raise ValueError(f'weights: needs "int8" or "bfloat16", got {weights!r}')
    single = wrap(cast_leaf("params", params.flat_buffer, _SINGLE), params.architecture)
    leaves: dict[str, NDArray[Any]] = {}
    if weights == "bfloat16":
        if x_calibration is not None:
            raise ValueError('x_calibration: weights="bfloat16" need no calibration; leave it out')
        for key, leaf in single.items():
            leaves[key] = _to_bfloat16(f"params: {key}", leaf) if key[0] == "W" else leaf
    else:
        leaves = _to_int8(single, x_calibration)

    return quantized_of(params.architecture, weights, leaves)


def _to_bfloat16(name: str, W: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32 numbers, rounded to nearest, halves to even."""
    bits = W.view(np.uint32)
    halves = ((bits + (0x7FFF + (bits >> 16 & 1))) >> 16).astype(np.uint16)
    if (halves & 0x7F80 == 0x7F80).any():
        raise ValueError(f"{name} has a value beyond bfloat16")

    return halves


def _to_int8(params: Params[np.float32], x_calibration: ArrayLike | None) -> dict[str, NDArray[Any]]:
    """The leaves of int8."""
    a, leaves = _calibration_cases(x_calibration, params.sizes[0]), dict[str, NDArray[Any]]()
    for layer, f in enumerate(params.activations, start=1):
        W, b = params[f"W{layer}"], params[f"b{layer}"]
        if len(W) > MOST_INPUTS:
            raise ValueError(f'params: weights="int8" allow {MOST_INPUTS} inputs of a layer, W{layer} has {len(W)}')
        rate, zero = _rate_and_zero(a)
        greatest = np.abs(W).max(axis=0).astype(np.float64)
        leaves[f"W{layer}"] = np.rint(W * (127 / np.where(greatest > 0, greatest, 1))).astype(np.int8)
        leaves[f"scale{layer}"] = cast_leaf(f"params: W{layer}: its scale", greatest / 127 / rate, _SINGLE)
        leaves[f"b{layer}"], leaves[f"input{layer}"] = b, np.array([rate, zero], np.float32)
        if layer < len(params.activations):
            one_layer = Architecture((W.shape[0], W.shape[1]), (f,))
            a = forward(wrap(np.concatenate([W.ravel(), b]), one_layer), a)
            if not np.isfinite(a).all():
                raise ValueError(f"x_calibration: the outputs of layer {layer} aren't finite")

    return leaves


def _calibration_cases(x: ArrayLike | None, units: int) -> NDArray[np.float32]:
    """The cases as (N, n_0) of float32."""
    if x is None:
        raise ValueError('x_calibration: weights="int8" need cases like those to come, (N, n_0)')
    array = real_array("x_calibration", x)
    is_one_case("x_calibration", array, units)
    with np.errstate(over="ignore", under="ignore"):
        a = np.ascontiguousarray(array.reshape(-1, units), np.float32)
    bad = np.flatnonzero(~np.isfinite(a).all(axis=1))
    if bad.size:
        raise ValueError(f"x_calibration: NaN or infinity or a value beyond float32 in row {bad[0]}")

    return a


def _rate_and_zero(a: NDArray[np.float32]) -> tuple[np.float32, int]:
    """The r and o with which r a + o goes from 0 to 255, and 0 is an integer."""
    low, high = min(float(a.min()), 0.0), max(float(a.max()), 0.0)
    rate = np.float32(min(255 / (high - low), _GREATEST_RATE) if high > low else 1)

    return rate, round(-low * float(rate))
