"""Networks inside other people's jitted functions: the public functions in nopython mode, under the same names.

It is imported when Numba first asks for the type of `Params`, so that `import fnn` is enough, and costs nobody who
doesn't use it anything. No jitted function sees `Params` before that, not even one that was loaded from its cache,
since all of them come from Python; so this is also when the compiled kernels are loaded.
"""

from typing import Any

import numpy as np
from numba import float32, float64

from fnn.kernels.linking import load_entries
from fnn.nopython import boxing as boxing
from fnn.nopython import derivatives as derivatives
from fnn.nopython import forward as forward
from fnn.nopython import gradients as gradients
from fnn.nopython import mapping as mapping
from fnn.nopython import optimizer_boxing as optimizer_boxing
from fnn.nopython import optimizing as optimizing
from fnn.nopython import quantities as quantities
from fnn.nopython import training as training
from fnn.nopython.types import ParamsType


def support(dtype: np.dtype[Any]) -> ParamsType:
    """The type of `Params` of a dtype, all of whose kernels are there."""
    number = float32 if dtype == np.float32 else float64
    load_entries(number)

    return ParamsType(number)
