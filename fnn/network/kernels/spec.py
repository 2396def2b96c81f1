"""A network without a layout: its parameters as in `Params`, and its architecture in a few integers."""

from typing import NamedTuple

from numba import types

from fnn.activations.kernels.dispatch import DESCRIPTOR_SIZE
from fnn.compiler.inline import inline
from fnn.compiler.internals import NumbaType
from fnn.compiler.intrinsics import Floats, Integers, shift


class Network(NamedTuple):
    """`Params`: the architecture is L, n_0 .. n_L, and the descriptors of the activations of the layers 1 .. L."""

    spec: Integers
    flat: Floats


def network_type(t: types.Float) -> NumbaType:
    return types.NamedTuple([types.CPointer(types.int64), types.CPointer(t)], Network)


@inline
def size_of(spec: Integers, layer: int) -> int:
    """n_l."""
    return spec[1 + layer]


@inline
def activation_of(spec: Integers, layer: int) -> Integers:
    """The activation of a layer, l ≥ 1."""
    return shift(spec, 2 + spec[0] + (layer - 1) * DESCRIPTOR_SIZE)
