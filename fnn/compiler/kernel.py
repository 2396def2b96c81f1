"""Kernels that Python calls."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numba import types

from fnn.compiler.addresses import NumbaSignature
from fnn.compiler.cache import give_cache
from fnn.compiler.internals import NumbaType, global_compiler_lock, jitted
from fnn.compiler.linking import load_needed
from fnn.compiler.target import float_type

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A compiled function for each dtype: ``kernel[np.dtype("float32")](..)``.

    The signature is explicit, with read-only inputs, which takes writable arrays too: a lazy dispatcher compiles for
    each of the two, for seconds.
    """

    def __init__(self, function: Callable[P, R], signature: NumbaSignature) -> None:
        self._function = function
        self._signature = signature
        self._compiled: dict[np.dtype[Any], Callable[P, R]] = {}

    def __getitem__(self, dtype: np.dtype[Any]) -> Callable[P, R]:
        try:
            return self._compiled[dtype]
        except KeyError:
            with global_compiler_lock:  # else two threads could compile it at the same time
                if dtype not in self._compiled:
                    self._compiled[dtype] = self._compile(float_type(dtype))
            return self._compiled[dtype]

    def _compile(self, dtype: types.Float) -> Callable[P, R]:
        load_needed(self._function, dtype)
        dispatcher = jitted(self._function)
        give_cache(dispatcher, self._function)
        dispatcher.compile(self._signature(dtype))
        dispatcher.disable_compile()
        return dispatcher


def kernel(signature: NumbaSignature) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Turn a function into a `Kernel`; `signature` gives its Numba signature for a float type."""
    return lambda function: Kernel(function, signature)


def array(dtype: NumbaType, ndim: int = 1) -> NumbaType:
    """The type of an input: C-contiguous and read-only, which a writable array satisfies too."""
    return types.Array(dtype, ndim, "C", readonly=True)


def output(dtype: NumbaType, ndim: int = 1) -> NumbaType:
    """The type of an array that a kernel writes to."""
    return types.Array(dtype, ndim, "C")
