"""The output of a narrow network with other losses than the squared error, and with activations of whole rows.

Their code takes a row for each case, as in the general equations; so Zᴸ is transposed, and Δᴸ back.
"""

from typing import Any

from numba import types

from fnn.activations.kernels.dispatch import CODE, activate, multiply_by_prime
from fnn.compiler.addresses import calling
from fnn.compiler.inline import intrinsic
from fnn.compiler.intrinsics import doubles
from fnn.compiler.linking import OnDemand
from fnn.losses.kernels.dispatch import is_direct, output_error
from fnn.network.kernels import plan
from fnn.network.kernels.narrow_plan import (
    A_OF_CASES,
    DE_DA_OF_CASES,
    DELTA_OF_CASES,
    ERRORS,
    OUTPUT_STRIDE,
    Y_OF_CASES,
    Z_OF_CASES,
    block_of_cases,
    part,
)
from fnn.network.kernels.plan import Net, entry, function_of, net_type
from fnn.training.kernels.narrow.products import transpose_small


def _outputs_type(t: types.Float) -> Any:
    return types.void(net_type(t), types.int64, types.int64)


@intrinsic
def call_outputs(typingctx: Any, code: Any, net: Any, loss: Any, rows: Any) -> Any:
    """F2, E1, E2 and B1 at the output, by the code at the address `code`."""
    return calling(_outputs_type(net.types[2].dtype))


def outputs_by_cases(net: Net, loss: int, rows: int) -> None:
    """F2, E1, E2 and B1 at the output."""
    top, stride, row = net.layers, entry(net, 0, plan.STRIDE), entry(net, 0, OUTPUT_STRIDE)
    units, function = entry(net, top, plan.UNITS), function_of(net, top)
    z, a, y = block_of_cases(net, Z_OF_CASES), block_of_cases(net, A_OF_CASES), block_of_cases(net, Y_OF_CASES)
    dE_da, delta = block_of_cases(net, DE_DA_OF_CASES), block_of_cases(net, DELTA_OF_CASES)
    case_weights, errors = part(net, 0, plan.CASE_WEIGHTS), doubles(part(net, 0, ERRORS))
    transpose_small(units, rows, part(net, top, plan.Z), stride, z, row)
    activate(function, z, a, rows, units, row)  # F2
    output_error(loss, function[CODE], z, a, y, case_weights, dE_da, delta, errors, rows, units, row)  # E1, E2
    if not is_direct(loss):
        multiply_by_prime(function, z, a, dE_da, delta, rows, units, row)  # B1
    transpose_small(rows, units, delta, row, part(net, top, plan.DELTA), stride)


OUTPUTS_BY_CASES = OnDemand(outputs_by_cases, _outputs_type)
