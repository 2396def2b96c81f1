"""An optimizer's rule for whole vectors of parameters."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.intrinsics import pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.optimizers.kernels.abi import RULE, RULE_COEFFICIENTS, STRIDE, call_rule

Reals = npt.NDArray[np.floating]


@kernel(lambda t: types.void(array(types.int64), output(t), array(t), output(t), array(t), t))
def apply_kernel(
    descriptor: npt.NDArray[np.int64], w: Reals, dE_dw: Reals, state: Reals, coefficients: Reals, keep: float
) -> None:
    """The rule for whole vectors of parameters."""
    of_rule = shift(pointer(coefficients), RULE_COEFFICIENTS)
    call_rule(descriptor[RULE], pointer(w), pointer(dE_dw), pointer(state), descriptor[STRIDE], of_rule, keep, w.size)
