"""Parameters between the layout of `Params`, which is compact, and that of training, in panels (see `plan.fill`)."""

from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width
from fnn.network.kernels import plan
from fnn.network.kernels.plan import Net, entry, net_type


@inline
def pack_weights(net: Net, flat: Floats) -> None:
    """The padding stays as it is."""
    copy_rows(net, flat, True)


@inline
def unpack_weights(net: Net, flat: Floats) -> None:
    copy_rows(net, flat, False)


@linked(lambda t: types.void(net_type(t), types.CPointer(t), types.boolean))
def copy_rows(net: Net, flat: Floats, packing: bool) -> None:
    """Copy each row of each W, and each b, panel by panel, from `flat` to the packed weights or back."""
    panel = panel_width(flat)
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        compact = shift(flat, entry(net, layer, plan.COMPACT))
        w, b = shift(net.weights, entry(net, layer, plan.W)), shift(net.weights, entry(net, layer, plan.B))
        for row in range(inputs + 1):  # b follows the last row of W
            for j in range(0, units, panel):
                in_flat = shift(compact, row * units + j)
                in_panel = shift(b, j) if row == inputs else shift(w, j * inputs + row * panel)
                source, into = (in_flat, in_panel) if packing else (in_panel, in_flat)
                for k in range(min(panel, units - j)):
                    into[k] = source[k]
