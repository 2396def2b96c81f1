"""`fnn.backprop` in nopython mode: ``t.z[layer]`` and the like with any number of a layer, known or not."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import make_attribute_wrapper, overload, register_jitable

from fnn.compiler.internals import TypingError
from fnn.data.kernels.faults import FINE
from fnn.equations.gradients import backprop
from fnn.equations.kernels.backprop import EVERYTHING
from fnn.njit.calls import differentiate_all, from_first_layer, from_input, loss_at, with_flat
from fnn.njit.cases import objective_of
from fnn.njit.errors import NO_MEMORY, refuse
from fnn.njit.registration import Body, Call, in_nopython
from fnn.njit.types import ByLayerType, NativeBackprop

for _member in ("values", "spec", "cases"):
    make_attribute_wrapper(ByLayerType, _member, f"_{_member}")


@register_jitable
def _rows(x: Any) -> int:
    return 1 if x.ndim == 1 else x.shape[0]


@register_jitable
def _sum(sizes: Any) -> int:
    total = 0
    for units in sizes:
        total += units
    return total


@in_nopython(backprop, prefer_literal=True)
def _backprop(call: Call) -> Body:
    mean, arrange = objective_of(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any) -> Any:
        cases, dtype = arrange(x, y), params.flat.dtype
        rows = _rows(cases.x)
        into, quantities = np.empty(params.flat.size, dtype), np.empty((4, rows * _sum(params.sizes)), dtype)
        value, status = differentiate_all(
            params, cases, loss_at(params, loss), mean, EVERYTHING, into, quantities, None
        )  # fmt: skip
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return NativeBackprop(
            from_first_layer(params, cases.x, quantities[0], rows),
            from_input(params, cases.x, quantities[1], rows),
            from_input(params, cases.x, quantities[2], rows),
            from_first_layer(params, cases.x, quantities[3], rows),
            with_flat(params, into),
            value,
        )

    return body


@overload(operator.getitem)
def _layer(quantity: Any, layer: Any) -> Callable[..., Any] | None:
    if not isinstance(quantity, ByLayerType):
        return None
    if not isinstance(layer, types.Integer):
        raise TypingError(f"fnn.backprop: needs the number of a layer, got {layer}")
    first = quantity.first

    def rows(quantity: Any, layer: Any) -> Any:
        spec, cases = quantity._spec, quantity._cases
        sizes = spec[1 : spec[0] + 2]
        if layer < first or layer >= sizes.size:
            raise KeyError("fnn.backprop: there is no such layer")
        at = cases * _sum(sizes[:layer])
        return quantity._values[at : at + cases * sizes[layer]].reshape(cases, sizes[layer])

    def row(quantity: Any, layer: Any) -> Any:
        return all_rows(quantity, layer)[0]

    all_rows = register_jitable(rows)

    return rows if quantity.ndim == 2 else row
