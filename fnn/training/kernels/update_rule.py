"""How a step uses the gradient, if not by G1 alone: the optimizer as the training loop sees it.

The code of an optimizer, of regularization and of dropout is compiled on first use; the loop calls it by address.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.addresses import calling
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Floats, Integers, pointer
from fnn.data.kernels.cases import Reals, cases_type
from fnn.network.kernels.plan import net_type
from fnn.optimizers.kernels.abi import CASES_PHASE, COEFFICIENTS, ROWS_PHASE
from fnn.training.kernels.work_stealing import worker_type


class UpdateRule(NamedTuple):
    """An optimizer: the code of its phases, and what they read and write."""

    cases_phase: int  # the address of `dropout_phase`, or 0: no unit is dropped
    rows_phase: int  # the address of `optimizer_phase` or `regularized_phase`, or 0: G1
    descriptor: Integers  # see `fnn.optimizers.kernels.abi`
    state: Floats  # the optimizer's vectors, each laid out as the weights are
    coefficients: Floats  # of each step of a call
    coefficient_stride: int  # from one step's to the next; 0 if all steps have the same


def update_rule_type(t: types.Float) -> types.Type:
    """`UpdateRule` as a Numba type."""
    i, p = types.int64, types.CPointer(t)

    return types.NamedTuple([i, i, types.CPointer(i), p, p, i], UpdateRule)


@inline
def update_rule_of(descriptor: npt.NDArray[np.int64], state: Reals, coefficients: Reals) -> UpdateRule:
    """The update rule in the arrays of the typed layer."""
    stride = COEFFICIENTS if coefficients.size > COEFFICIENTS else 0
    return UpdateRule(
        descriptor[CASES_PHASE], descriptor[ROWS_PHASE], pointer(descriptor), pointer(state), pointer(coefficients),
        stride,
    )  # fmt: skip


def cases_phase_type(t: types.Float) -> Any:
    """The signature of `dropout_phase`."""
    i = types.int64

    return types.void(net_type(t), cases_type(t), i, types.float64, i, i, i, types.CPointer(i), i, i, i)


def rows_phase_type(t: types.Float) -> Any:
    """The signature of `optimizer_phase` and `regularized_phase`."""
    i, p = types.int64, types.CPointer(t)

    return types.void(worker_type(), net_type(t), i, i, types.boolean, p, update_rule_type(t), p, cases_type(t), i)


@intrinsic
def call_cases_phase(
    typingctx: Any, phase: Any, net: Any, cases: Any, first: Any, scale: Any, loss: Any, top: Any, bottom: Any,
    descriptor: Any, seed: Any, epoch: Any, first_place: Any,
) -> Any:  # fmt: skip
    """Phase 1 with dropout, for a range of rows."""
    return calling(cases_phase_type(net.types[2].dtype))


@intrinsic
def call_rows_phase(
    typingctx: Any, phase: Any, worker: Any, net: Any, case: Any, rows: Any, is_last: Any, into: Any, update_rule: Any,
    coefficients: Any, cases: Any, next_first: Any,
) -> Any:  # fmt: skip
    """Phase 2 with an optimizer."""
    return calling(rows_phase_type(into.dtype))
