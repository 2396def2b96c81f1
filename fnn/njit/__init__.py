"""fnn inside a user's ``@njit`` functions: the public functions and values, under the same names.

    @njit
    def fit(params, x, y, steps):
        for _ in range(steps):
            params = fnn.update(params, fnn.grad(params, x, y), 0.1)
        return params

- `types`, `boxing`: Numba types of `Params`, `Cases`, losses, optimizers and their states, and their way from Python
  and back.
- `registration`: how a function gets a body; `errors`: those when compiling and when running.
- `forward`, `gradients`, `backprop`, `training`, `cases`, `params`, `optimizers`: the bodies.
- `calls`, `structures`: calls of the kernels in `kernels`, which are compiled once for all users.

The package is imported when Numba first asks for the type of one of fnn's values, so programs without ``@njit`` don't
pay for it. Those values come from Python, so no user's function runs before that, not even one from the cache on disk:
this is also when the kernels are loaded.
"""

from functools import cache
from typing import Any

import numpy as np

from fnn.compiler.linking import load_entries
from fnn.compiler.numba_types import register
from fnn.compiler.target import float_type
from fnn.data.cases import Cases
from fnn.losses.loss import Loss
from fnn.network.params import Params
from fnn.njit import backprop as backprop
from fnn.njit import boxing as boxing
from fnn.njit import cases as cases
from fnn.njit import forward as forward
from fnn.njit import gradients as gradients
from fnn.njit import optimizers as optimizers
from fnn.njit import params as params
from fnn.njit import training as training
from fnn.njit.boxing import type_of_cases
from fnn.njit.optimizer_words import dtypes_in_use, words_of
from fnn.njit.types import OPTIMIZER, STATE, LossType, OptimizerType, ParamsType
from fnn.optimizers.optimizer import Optimizer, OptimizerState


@cache
def _params_type(dtype: np.dtype[Any]) -> ParamsType:
    """The type of `Params` of a dtype, all of whose kernels are loaded."""
    number = float_type(dtype)
    load_entries(number)
    dtypes_in_use.append(number)

    return ParamsType(number)


def _optimizer_type(optimizer: Optimizer) -> OptimizerType:
    """One type for all, so that another optimizer compiles nothing; ValueError if @njit can't use it."""
    words_of(optimizer)

    return OPTIMIZER


register(
    {
        Params: lambda params: _params_type(params.dtype),
        Cases: type_of_cases,
        Loss: LossType,
        Optimizer: _optimizer_type,
        OptimizerState: lambda state: STATE,
    }
)
