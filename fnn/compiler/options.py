"""Numba's options, in one place, each with its reason.

`inline`  makes a small function that other kernels call. Its code becomes part of its callers, so it gets no wrappers
          for Python or C, no machine code and no cache entry of its own, which would be half of its compile time.
`forced`  the same for one that LLVM would find too large to make part of a loop, which it then can't vectorise.
`linked`  makes a large one: compiled once, called through a pointer (see `fnn.compiler.linking`).
`kernel`  makes what the typed layer calls: one signature a dtype, compiled on first use (see `fnn.compiler.kernel`).

Common to all:

- ``error_model="numpy"``: a Python-style check for division by zero stops LLVM from vectorising a loop.
- no ``fastmath``: every sum has one stated order and every fused multiply-add is written as one, so the bits depend
  neither on the width of the vectors nor on the tiling nor on the number of threads.
- ``boundscheck=False``: offsets come from `fnn.network.kernels.plan`; a check in the inner loops stops vectorisation.
- ``nogil=True``: kernels touch no Python object.
- ``no_rewrites=True``: Numba's rewriting is for what kernels don't have (array expressions, branches on the types of
  arguments, raised errors). It and the machine code above were 1.1 of the 7.1 seconds of a first `train`.
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
    no_rewrites: bool


OPTIONS: Final = _Options(error_model="numpy", boundscheck=False, nogil=True, no_rewrites=True)


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
        _leave_out_machine_code(dispatcher)
        template = dispatcher.get_call_template

        def without_literals(args: Any, kws: Any) -> Any:
            """Numba would compile the function again for each constant that it is called with."""
            return template([types.unliteral(arg) for arg in args], kws)

        dispatcher.get_call_template = without_literals

        return dispatcher

    @property
    def _numba_type_(self) -> types.Type:
        return self._dispatcher._numba_type_


def _leave_out_machine_code(dispatcher: Any) -> None:
    """Compile no further than to what LLVM makes part of the callers."""

    def without_code(flags: Any) -> Any:
        flags.no_compile = True

        return flags

    def add_overload(result: Any) -> None:
        named = result._replace(entry_point=object())  # callers find it by this, where the address would be
        dispatcher.targetctx.insert_user_function(named.entry_point, named.fndesc, [named.library])
        dispatcher.overloads[tuple(named.signature.args)] = named

    dispatcher._compiler._customize_flags = without_code
    dispatcher.add_overload = add_overload


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
