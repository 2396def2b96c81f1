"""Kernels that the typed layer calls."""

import os
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numba import njit, types

from fnn.compiler.addresses import NumbaSignature
from fnn.compiler.cache import give_cache
from fnn.compiler.linking import load_needed
from fnn.compiler.options import OPTIONS
from fnn.compiler.target import float_type

P = ParamSpec("P")
R = TypeVar("R")

_compiling = Lock()  # two threads that need a kernel first would compile it twice


def _forget_lock() -> None:
    global _compiling
    _compiling = Lock()  # whoever held it at the fork is not here to let it go


os.register_at_fork(after_in_child=_forget_lock)


class Kernel(Generic[P, R]):
    """A compiled function for each dtype: ``kernel[np.dtype("float32")](..)``.

    The signature is explicit and its input arrays are read-only, because a lazy dispatcher would compile again, for
    seconds, for a read-only array where it had met a writable one; a read-only signature takes both.
    """

    def __init__(self, function: Callable[P, R], signature: NumbaSignature) -> None:
        self._function = function
        self._signature = signature
        self._compiled: dict[np.dtype[Any], Callable[P, R]] = {}

    def __getitem__(self, dtype: np.dtype[Any]) -> Callable[P, R]:
        try:
            return self._compiled[dtype]
        except KeyError:
            with _compiling:
                if dtype not in self._compiled:
                    self._compiled[dtype] = self._compile(float_type(dtype))
            return self._compiled[dtype]

    def _compile(self, dtype: types.Float) -> Callable[P, R]:
        load_needed(self._function, dtype)
        dispatcher = njit(**OPTIONS)(self._function)
        give_cache(dispatcher, self._function)
        dispatcher.compile(self._signature(dtype))
        dispatcher.disable_compile()
        return dispatcher


def kernel(signature: NumbaSignature) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Turn a function into a `Kernel`; `signature` gives its Numba signature for a float type."""
    return lambda function: Kernel(function, signature)


def array(dtype: types.Type, ndim: int = 1) -> types.Type:
    """The type of an input: C-contiguous and read-only, which a writable array satisfies too."""
    return types.Array(dtype, ndim, "C", readonly=True)


def output(dtype: types.Type, ndim: int = 1) -> types.Type:
    """The type of an array that a kernel writes."""
    return types.Array(dtype, ndim, "C")
