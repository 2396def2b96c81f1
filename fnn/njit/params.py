"""`Params` in nopython mode: ``params["W1"]``, ``len(params)``, ``.flat``, ``.sizes``, ``.with_flat(flat)``."""

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import make_attribute_wrapper, overload, overload_attribute, register_jitable

from fnn.compiler.internals import TypingError
from fnn.network.params import Params
from fnn.njit.calls import with_flat
from fnn.njit.errors import require_floats
from fnn.njit.registration import Body, method_in_nopython
from fnn.njit.types import ParamsType

make_attribute_wrapper(ParamsType, "flat", "flat")
make_attribute_wrapper(ParamsType, "spec", "_spec")


@overload_attribute(ParamsType, "sizes")
def _sizes(params: Any) -> Callable[..., Any]:
    def impl(params: Any) -> Any:
        spec = params._spec
        return spec[1 : spec[0] + 2]

    return impl


@overload(len)
def _len(params: Any) -> Callable[..., Any] | None:
    if not isinstance(params, ParamsType):
        return None

    def impl(params: Any) -> Any:
        return 2 * params._spec[0]

    return impl


@register_jitable
def _place(spec: Any, layer: int) -> tuple[int, int, int]:
    """Where W of a layer starts in the flat vector, and its rows and columns."""
    at = 0
    for before in range(1, layer):
        at += (spec[before] + 1) * spec[before + 1]
    return at, spec[layer], spec[layer + 1]


@overload(operator.getitem, prefer_literal=True)
def _getitem(params: Any, key: Any) -> Callable[..., Any] | None:
    if not isinstance(params, ParamsType):
        return None
    if not isinstance(key, types.StringLiteral):
        raise TypingError('fnn.Params: inside @njit the key must be a literal string such as "W1"')
    match = re.fullmatch(r"([Wb])([1-9][0-9]*)", key.literal_value)
    if match is None:
        raise TypingError(f"fnn.Params: there is no key {key.literal_value!r}; the keys are W1, b1, W2, b2, ..")
    layer = int(match[2])

    def weights(params: Any, key: Any) -> Any:
        spec = params._spec
        if layer > spec[0]:
            raise KeyError("fnn.Params: the network has no such layer")
        at, m, n = _place(spec, layer)
        return params.flat[at : at + m * n].reshape(m, n)

    def biases(params: Any, key: Any) -> Any:
        spec = params._spec
        if layer > spec[0]:
            raise KeyError("fnn.Params: the network has no such layer")
        at, m, n = _place(spec, layer)
        return params.flat[at + m * n : at + m * n + n]

    return weights if match[1] == "W" else biases


_params_with = Params.with_flat


def _call_with_flat(params: Any, flat: Any) -> Any:
    return _params_with(params, flat)


@method_in_nopython(ParamsType, _params_with, _call_with_flat)
def _params_with_flat(params: Any, flat: Any) -> Body:
    require_floats("flat", params, flat, (1,))

    def impl(params: Any, flat: Any) -> Any:
        if flat.size != params.flat.size:
            raise ValueError("flat: needs as many elements as params have")
        copied = np.empty(flat.size, flat.dtype)  # the caller may write to its vector afterwards
        for i in range(flat.size):
            copied[i] = flat[i]
        return with_flat(params, copied)

    return impl
