"""Functions and intrinsics that become part of the kernels that call them.

`inline` compiles no wrappers for Python or C, no machine code and no cache entry, which would be half of the compile
time. `forced` is for a function that LLVM would find too large to inline into a loop, which it then can't vectorise.
`intrinsic` is for a function that writes LLVM's instructions.

All are made for Numba only when a kernel that calls them is compiled: Numba takes these objects for what their
`_numba_type_` says. Most processes compile nothing, and to make all dispatchers at once would take half of the time of
``import fnn``.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from inspect import Parameter, Signature
from typing import Any, ParamSpec, TypeVar, cast

from numba import types
from numba.core.typing.templates import make_intrinsic_template

from fnn.compiler.internals import IRBuilder, IRValue, NumbaType
from fnn.compiler.pipeline import jitted

P = ParamSpec("P")
R = TypeVar("R")


class Inline:
    """A function that only kernels call, with a dispatcher on demand."""

    def __init__(self, function: Callable[..., Any], *, is_forced: bool = False) -> None:
        self.function = function
        self._is_forced = is_forced

    @cached_property
    def _dispatcher(self) -> Any:
        dispatcher = jitted(self.function, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=self._is_forced)
        _leave_out_machine_code(dispatcher)
        template = dispatcher.get_call_template

        def without_literals(args: Any, kws: Any) -> Any:
            """Numba would compile the function again for each constant that it is called with."""
            return template([types.unliteral(arg) for arg in args], kws)

        dispatcher.get_call_template = without_literals

        return dispatcher

    @property
    def _numba_type_(self) -> NumbaType:
        return self._dispatcher._numba_type_


def _leave_out_machine_code(dispatcher: Any) -> None:
    """Stop the compilation at LLVM's intermediate form, which callers inline."""

    def without_code(flags: Any) -> Any:
        flags.no_compile = True

        return flags

    def add_overload(result: Any) -> None:
        library = result.library
        library.finalize = lambda: setattr(library, "_finalized", True)  # kernels link, optimise and make code: 1.7 s
        keyed = result._replace(entry_point=object())  # callers look the function up by its address, which it lacks
        libraries = [library, *library._linking_libraries]  # callers first: LLVM drops what nothing needs yet
        dispatcher.targetctx.insert_user_function(keyed.entry_point, keyed.fndesc, libraries)
        dispatcher.overloads[tuple(keyed.signature.args)] = keyed

    dispatcher._compiler._customize_flags = without_code
    dispatcher.add_overload = add_overload


class Intrinsic:
    """Instructions for LLVM, with a Numba type on demand."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    @cached_property
    def _numba_type_(self) -> NumbaType:
        return types.Function(make_intrinsic_template(self, self.function, self.function.__name__))


def intrinsic(function: Callable[P, R]) -> Callable[..., Any]:
    """Make an intrinsic of a function of types that returns a signature and what writes the instructions."""
    return cast(Callable[..., Any], Intrinsic(function))


def expression(signature: Any, write: Callable[..., IRValue]) -> Any:
    """Typing and code of an intrinsic that `write` writes, given the builder and the arguments."""

    def codegen(context: Any, builder: IRBuilder, _: Any, arguments: Any) -> IRValue:
        return write(builder, *arguments)

    return signature, codegen


def inline(function: Callable[P, R]) -> Callable[P, R]:
    """Inline a function into the kernels that call it, as far as LLVM sees fit."""
    return cast(Callable[P, R], Inline(function))


def forced(function: Callable[P, R]) -> Callable[P, R]:
    """Inline a function into the kernels that call it, however large it is."""
    return cast(Callable[P, R], Inline(function, is_forced=True))


def with_parameters(function: Callable[..., Any], names: Iterable[str]) -> Callable[..., Any]:
    """Name an intrinsic's parameters after the typing context: Numba reads them off the function's signature."""
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("typingctx", *names)]
    vars(function)["__signature__"] = Signature(parameters)

    return function
