"""The gradient of the penalty ½ λ₂ Σ W² + λ₁ Σ |W|, for `fnn.network.regularization` and training."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import fma, pointer
from fnn.compiler.kernel import array, kernel, output
from fnn.numerics.elementary import sign

Reals = npt.NDArray[np.floating]


@inline
def penalized(w: float, g: float, l2: float, l1: float) -> float:
    """g + λ₂ w + λ₁ sign w."""
    return fma(l2, w, g) + l1 * sign(w)


@kernel(lambda t: types.void(array(t), output(t), t, t))
def penalize_kernel(w: Reals, g: Reals, l2: float, l1: float) -> None:
    """Add the gradient of the penalty on weights to their slopes g, unless g is empty."""
    w_at, g_at = pointer(w), pointer(g)
    for i in range(g.size):
        g_at[i] = penalized(w_at[i], g_at[i], l2, l1)
