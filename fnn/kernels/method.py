"""How a step of training uses the gradient, if not by G1 at once: what the training loop must know of an optimizer.

The code of an optimizer is compiled when somebody first trains with one; the loop reaches it through its address.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types

from fnn.kernels.cases import Reals, cases_type
from fnn.kernels.intrinsics import Floats, Integers, pointer
from fnn.kernels.options import inline, intrinsic
from fnn.kernels.plan import net_type
from fnn.kernels.rules import MOST_NUMBERS, rule_type
from fnn.kernels.turns import crew_type

# The numbers of a step: η, for G1; what decoupled decay leaves of a weight, and whether of a bias, too (else 0); the
# restraints (see `fnn.restraints`), their decay likewise; MOST, the clipping, is infinite, and the norms are 0,
# where there is none; and the numbers of the rule.
ETA, KEEP, KEEP_BIASES, L2, L1, SHRINK, SHRINK_BIASES, MOST, GRADIENT_NORM, UNIT_NORM, OF_RULE = range(11)
NUMBERS: Final = OF_RULE + MOST_NUMBERS
MOST_STEPS: Final = 4096  # of a call of the kernel: their numbers are worked out before it

# In the integers that stand for a method; behind them, for each layer but the last, how often of 2⁵³ times a unit is
# dropped.
CASES_PHASE, ROWS_PHASE, RULE, STRIDE, MASK, MASKED, PLACES = range(7)


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


def _calling(signature: Any) -> Any:
    """Typing and code of a call through an address that is known when it happens."""

    def codegen(context: Any, builder: Any, _: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [context.get_value_type(argument) for argument in signature.args])
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), values[1:])

        return context.get_dummy_value()

    return types.void(types.int64, *signature.args), codegen


@intrinsic
def call_rule(
    typingctx: Any, rule: Any, w: Any, g: Any, state: Any, stride: Any, numbers: Any, keep: Any, count: Any
) -> Any:
    """The rule for `count` parameters in a row."""
    return _calling(rule_type(w.dtype))


@intrinsic
def call_cases_phase(
    typingctx: Any, phase: Any, net: Any, cases: Any, first: Any, scale: Any, loss: Any, top: Any, bottom: Any,
    places: Any, seed: Any, epoch: Any,
) -> Any:  # fmt: skip
    """Phase 1 with dropout, for some rows."""
    return _calling(cases_phase_type(net.types[2].dtype))


@intrinsic
def call_rows_phase(
    typingctx: Any, phase: Any, crew: Any, net: Any, rows: Any, into: Any, start: Any, last: Any, method: Any,
    numbers: Any, cases: Any, next_first: Any,
) -> Any:  # fmt: skip
    """Phase 2 with an optimizer."""
    return _calling(rows_phase_type(into.dtype))
