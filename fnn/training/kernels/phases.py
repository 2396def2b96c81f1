"""How a step of training uses the gradient, if not by G1 at once: what the training loop must know of an optimizer.

The code of an optimizer is compiled when somebody first trains with one; the loop reaches it through its address.
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
    """How the gradient is used, and what stands between it and the cases."""

    cases_phase: int  # the address of `dropout_phase`, or 0 if no unit is dropped
    rows_phase: int  # the address of `optimizer_phase`, or 0 for G1 at once
    descriptor: Integers
    state: Floats  # vectors, each laid out as the weights are
    coefficients: Floats  # of the steps of a call,
    coefficient_stride: int  # from one step's to the next; 0 if all have the same


def update_rule_type(t: types.Float) -> types.Type:
    """`Method` as a Numba type."""
    i, p = types.int64, types.CPointer(t)

    return types.NamedTuple([i, i, types.CPointer(i), p, p, i], UpdateRule)


@inline
def resolve_optimizer(descriptor: npt.NDArray[np.int64], state: Reals, coefficients: Reals) -> UpdateRule:
    """From what the typed layer hands over."""
    coefficient_stride = COEFFICIENTS if coefficients.size > COEFFICIENTS else 0
    return UpdateRule(
        descriptor[CASES_PHASE],
        descriptor[ROWS_PHASE],
        pointer(descriptor),
        pointer(state),
        pointer(coefficients),
        coefficient_stride,
    )


def cases_phase_type(t: types.Float) -> Any:
    """What `dropout_phase` takes."""
    i = types.int64

    return types.void(net_type(t), cases_type(t), i, types.float64, i, i, i, types.CPointer(i), i, i)


def rows_phase_type(t: types.Float) -> Any:
    """What `optimizer_phase` takes."""
    i, p = types.int64, types.CPointer(t)

    return types.void(worker_type(), net_type(t), i, p, i, types.boolean, update_rule_type(t), p, cases_type(t), i)


@intrinsic
def call_cases_phase(
    typingctx: Any, phase: Any, net: Any, cases: Any, first: Any, scale: Any, loss: Any, top: Any, bottom: Any,
    descriptor: Any, seed: Any, epoch: Any,
) -> Any:  # fmt: skip
    """Phase 1 with dropout, for some rows."""
    return calling(cases_phase_type(net.types[2].dtype))


@intrinsic
def call_rows_phase(
    typingctx: Any, phase: Any, worker: Any, net: Any, rows: Any, into: Any, start: Any, last: Any, update_rule: Any,
    coefficients: Any, cases: Any, next_first: Any,
) -> Any:  # fmt: skip
    """Phase 2 with an optimizer."""
    return calling(rows_phase_type(into.dtype))
