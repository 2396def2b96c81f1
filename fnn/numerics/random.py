"""Random numbers that are functions of the seed and a position, so that a run can be resumed anywhere.

SplitMix64: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
"""

import numpy as np

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Integers

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


@inline
def mixed(x: np.uint64) -> np.uint64:
    """SplitMix64's output function: 64 well-mixed bits."""
    x = (x ^ (x >> _S30)) * _MIX_1
    x = (x ^ (x >> _S27)) * _MIX_2
    return x ^ (x >> _S31)


@inline
def shuffle(order: Integers, count: int, seed: int | np.uint64, epoch: int, keeps: bool) -> None:
    """Fill `order` with the permutation of 0 .. count − 1 for (seed, epoch), by Fisher and Yates; or keep the order."""
    for i in range(count):
        order[i] = i
    state = mixed(mixed(np.uint64(seed) + GOLDEN) + np.uint64(epoch))
    for i in range(0 if keeps else count - 1, 0, -1):
        state += GOLDEN
        fraction = float(mixed(state) >> _S11) * 2.0**-53
        j = int(fraction * (i + 1))
        order[i], order[j] = order[j], order[i]
