"""Σ W² of packed weights, by which a run can tell the penalty of each epoch."""

from numba import types

from fnn.compiler.intrinsics import shift
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, net_type


@linked(lambda t: types.float64(net_type(t)))
def squared_weights(net: Net) -> float:
    """Σ W² of all layers, summed from left to right in float64."""
    panel, total = panel_width(net.weights), 0.0
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        w = shift(net.weights, entry(net, layer, plan.W))
        for j in range(0, units, panel):
            for row in range(inputs):
                in_panel = shift(w, j * inputs + row * panel)
                for k in range(min(panel, units - j)):
                    value = 1.0 * in_panel[k]
                    total += value * value
    return total
