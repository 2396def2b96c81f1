"""How a step of training uses the gradient, if not by G1 at once: what the training loop must know of an optimizer.

The code of an optimizer is compiled when somebody first trains with one; the loop reaches it through its address.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.intrinsics import Floats, Integers, pointer
from fnn.compiler.linking import calling
from fnn.compiler.options import inline, intrinsic
from fnn.data.kernels.cases import Reals, cases_type
from fnn.network.kernels.plan import net_type
from fnn.optimizers.kernels.abi import CASES_PHASE, NUMBERS, ROWS_PHASE
from fnn.training.kernels.work_stealing import crew_type


class Method(NamedTuple):
    """How the gradient is used, and what stands between it and the cases."""

    cases_phase: int  # the address of `dropout_phase`, or 0 if no unit is dropped
    rows_phase: int  # the address of `rule_phase`, or 0 for G1 at once
    places: Integers
    state: Floats  # vectors, each laid out as the weights are
    numbers: Floats  # of the steps of a call,
    each: int  # from one step's to the next; 0 if all have the same


def method_type(t: types.Float) -> types.Type:
    """`Method` as a Numba type."""
    i, p = types.int64, types.CPointer(t)

    return types.NamedTuple([i, i, types.CPointer(i), p, p, i], Method)


@inline
def method_of(places: npt.NDArray[np.int64], state: Reals, numbers: Reals) -> Method:
    """From what the typed layer hands over."""
    each = NUMBERS if numbers.size > NUMBERS else 0
    return Method(places[CASES_PHASE], places[ROWS_PHASE], pointer(places), pointer(state), pointer(numbers), each)


def cases_phase_type(t: types.Float) -> Any:
    """What `dropout_phase` takes."""
    i = types.int64

    return types.void(net_type(t), cases_type(t), i, types.float64, i, i, i, types.CPointer(i), i, i)


def rows_phase_type(t: types.Float) -> Any:
    """What `rule_phase` takes."""
    i, p = types.int64, types.CPointer(t)

    return types.void(crew_type(), net_type(t), i, p, i, types.boolean, method_type(t), p, cases_type(t), i)


@intrinsic
def call_cases_phase(
    typingctx: Any, phase: Any, net: Any, cases: Any, first: Any, scale: Any, loss: Any, top: Any, bottom: Any,
    places: Any, seed: Any, epoch: Any,
) -> Any:  # fmt: skip
    """Phase 1 with dropout, for some rows."""
    return calling(cases_phase_type(net.types[2].dtype))


@intrinsic
def call_rows_phase(
    typingctx: Any, phase: Any, crew: Any, net: Any, rows: Any, into: Any, start: Any, last: Any, method: Any,
    numbers: Any, cases: Any, next_first: Any,
) -> Any:  # fmt: skip
    """Phase 2 with an optimizer."""
    return calling(rows_phase_type(into.dtype))
