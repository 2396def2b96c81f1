"""Kernels that Python calls."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numba import types

from fnn.compiler.addresses import NumbaSignature
from fnn.compiler.cache import give_cache
from fnn.compiler.internals import NumbaType
from fnn.compiler.linking import load_needed
from fnn.compiler.pipeline import compiling, jitted
from fnn.compiler.target import float_type

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A compiled function for each dtype: ``kernel[np.dtype("float32")](..)``.

    The signature is explicit, with read-only inputs, which takes writable arrays too: a lazy dispatcher compiles for
    each of the two, for seconds.

    ``kernel.direct[..]`` is the same without Numba's look at the types of the arguments, which takes 15 to 40 ns each:
    for calls from Python of a few microseconds. The caller vouches for dtypes, dimensions, byte order, alignment and
    C order: an array that differs in one of them would be read, or written, as if it didn't. Only a `PlainArray`
    (`fnn.compiler.plain_arrays`) says itself what it is.
    """

    def __init__(self, function: Callable[P, R], signature: NumbaSignature) -> None:
        self._function = function
        self._signature = signature
        self._compiled: dict[np.dtype[Any], Callable[P, R]] = {}
        self.direct: Mapping[np.dtype[Any], Callable[..., R]] = _Direct(self)  # mypy knows no `PlainArray` as an array

    def __getitem__(self, dtype: np.dtype[Any]) -> Callable[P, R]:
        try:
            return self._compiled[dtype]
        except KeyError:
            with compiling():  # else two threads could compile it at the same time
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


class _Direct(dict[np.dtype[Any], Callable[P, R]]):
    """A kernel's compiled functions as Numba's dispatcher calls them; an access costs no call of Python."""

    def __init__(self, kernel: Kernel[P, R]) -> None:
        super().__init__()
        self._kernel = kernel

    def __missing__(self, dtype: np.dtype[Any]) -> Callable[P, R]:
        dispatcher: Any = self._kernel[dtype]
        (compiled,) = dispatcher.overloads.values()
        function: Callable[P, R] = self.setdefault(dtype, compiled.entry_point)

        return function


def kernel(signature: NumbaSignature) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Turn a function into a `Kernel`; `signature` gives its Numba signature for a float type."""
    return lambda function: Kernel(function, signature)


def array(dtype: NumbaType, ndim: int = 1) -> NumbaType:
    """The type of an input: C-contiguous and read-only, which a writable array satisfies too."""
    return types.Array(dtype, ndim, "C", readonly=True)


def output(dtype: NumbaType, ndim: int = 1) -> NumbaType:
    """The type of an array that a kernel writes to."""
    return types.Array(dtype, ndim, "C")
