"""Phase 1 of a training step with dropout, which draws the dropped units anew for every case and epoch.

Inverted dropout (Srivastava et al. 2014): the units that stay are divided by the probability of staying, so that the
trained network needs no change. Whether a unit is dropped depends only on the seed, the epoch, the layer, the case's
place in the epoch and the unit, so the number of threads changes no bit.
"""

import numpy as np

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Integers, like, shift
from fnn.compiler.linking import OnDemand
from fnn.data.kernels.cases import CasePointers, load
from fnn.equations.kernels.backprop import activations, deltas, errors_before, output_errors, weighted_inputs
from fnn.equations.kernels.forward import BLOCK
from fnn.losses.kernels.dispatch import is_direct
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, block, entry
from fnn.numerics.random import GOLDEN, mixed
from fnn.optimizers.kernels.abi import DESCRIPTOR_SIZE
from fnn.training.kernels.update_rule import cases_phase_type

_S11 = np.uint64(11)
_DROPPING = np.uint64(0xD6E8FEB86659FD93)  # another sequence than that of the shuffle


def dropout_phase(
    net: Net, cases: CasePointers, first: int, scale: float, loss: int, top: int, bottom: int, descriptor: Integers,
    seed: int, epoch: int, first_place: int,
) -> None:  # fmt: skip
    """Forward and back, BLOCK by BLOCK, for the rows top .. bottom of the workspace.

    Its first case is that at `first` in the order, and at `first_place` in the epoch.
    """
    # `forward` and `backward` once more: a hook in them would be a call for each layer or a second compilation.
    run = mixed((mixed(np.uint64(seed) + GOLDEN) ^ _DROPPING) + np.uint64(epoch))
    for start in range(top, bottom, BLOCK):
        rows = min(BLOCK, bottom - start)
        place = first_place + start
        load(net, cases, first, scale, loss, start, start + rows)
        drop(net, 0, plan.A, start, rows, place, descriptor, run)
        for layer in range(1, net.layers + 1):
            weighted_inputs(net, layer, start, rows)  # F1
            activations(net, layer, start, rows)  # F2
            if layer < net.layers:
                drop(net, layer, plan.A, start, rows, place, descriptor, run)
        output_errors(net, loss, start, rows)  # E1, E2
        for layer in range(net.layers, 0, -1):
            if layer < net.layers:
                drop(net, layer, plan.DE_DA, start, rows, place, descriptor, run)
                activations(net, layer, start, rows)  # F2 again, since f′ may be a function of a
                deltas(net, layer, start, rows)  # B1
                drop(net, layer, plan.A, start, rows, place, descriptor, run)
            elif not is_direct(loss):
                deltas(net, layer, start, rows)  # B1
            if layer > 1:
                errors_before(net, layer, start, rows)  # B4


@inline
def drop(
    net: Net, layer: int, column: int, start: int, rows: int, place: int, descriptor: Integers, run: np.uint64
) -> None:
    """Set an array of the layer to 0 at the units that are dropped; divide the rest by the probability of keeping."""
    threshold = np.uint64(descriptor[DESCRIPTOR_SIZE + layer])
    if descriptor[DESCRIPTOR_SIZE + layer] == 0:
        return
    values, units = block(net, layer, column, start), entry(net, layer, plan.UNITS)
    scale, zero = like(values, 1.0 / (1.0 - descriptor[DESCRIPTOR_SIZE + layer] * 2.0**-53)), like(values, 0.0)
    key = mixed(run + np.uint64(layer))
    for row in range(rows):
        a = shift(values, row * entry(net, layer, plan.STRIDE))
        counter = mixed(key + np.uint64(place + row))
        for unit in range(units):
            bits = mixed(counter + np.uint64(unit) * GOLDEN) >> _S11
            a[unit] = a[unit] * scale if bits >= threshold else zero


DROPOUT_PHASE = OnDemand(dropout_phase, cases_phase_type)
