"""Numba's options, in one place, each with its reason.

`inline`  makes a small function that other kernels call. No wrappers for Python or C are built for it (they are a third
          of its compile time), and it has no cache entry of its own: its code becomes part of its callers.
`forced`  the same for one that LLVM would find too large to make part of a loop, which it then can't vectorise.
`linked`  makes a large one: compiled once, called through a pointer (see `fnn.kernels.linking`).
`kernel`  makes what the typed layer calls: one signature a dtype, compiled on first use (see `fnn.kernels.kernel`).

Common to all:

- ``error_model="numpy"``: a Python-style check for division by zero stops LLVM from vectorising a loop.
- no ``fastmath``: every sum has one stated order and every fused multiply-add is written as one, so the bits depend
  neither on the width of the vectors nor on the tiling nor on the number of threads.
- ``boundscheck=False``: offsets come from `fnn.kernels.plan`; a check in the inner loops stops vectorisation.
- ``nogil=True``: kernels touch no Python object.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, Literal, ParamSpec, TypedDict, TypeVar, cast

from numba import njit, types
from numba.core.typing.templates import make_intrinsic_template

P = ParamSpec("P")
R = TypeVar("R")


class _Options(TypedDict):
    error_model: Literal["numpy"]
    boundscheck: bool
    nogil: bool


OPTIONS: Final = _Options(error_model="numpy", boundscheck=False, nogil=True)


class Inline:
    """A function that becomes Numba's own only when a kernel that calls it is compiled.

    From then on Numba takes this object for the dispatcher, because it has its type. Most processes compile nothing,
    and making all dispatchers at once would take half of the time of ``import fnn``.
    """

    def __init__(self, function: Callable[..., Any], *, is_forced: bool = False) -> None:
        self.function = function
        self._is_forced = is_forced

    @cached_property
    def _dispatcher(self) -> Any:
        dispatcher: Any = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=self._is_forced, **OPTIONS)(
            self.function
        )
        template = dispatcher.get_call_template

        def without_literals(args: Any, kws: Any) -> Any:
            """Numba would compile the function again for each constant that it is called with."""
            return template([types.unliteral(arg) for arg in args], kws)

        dispatcher.get_call_template = without_literals

        return dispatcher

    @property
    def _numba_type_(self) -> types.Type:
        return self._dispatcher._numba_type_


class Intrinsic:
    """Instructions for LLVM that become Numba's own only when a kernel that has them is compiled, as `Inline` does."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @cached_property
    def _numba_type_(self) -> types.Type:
        return types.Function(make_intrinsic_template(self, self.function, self.function.__name__))


def intrinsic(function: Callable[P, R]) -> Callable[..., Any]:
    """Make a function of types that returns a signature and what writes the instructions."""
    return cast(Callable[..., Any], Intrinsic(function))


def inline(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only other kernels call."""
    return cast(Callable[P, R], Inline(function))


def forced(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that becomes part of its callers however large it is."""
    return cast(Callable[P, R], Inline(function, is_forced=True))
