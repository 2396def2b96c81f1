"""Kernels that other kernels call through a pointer.

Numba links the code of a called function into its caller and optimises it there again, at every level of the call
tree: the matrix kernel alone would cost every caller seconds. A `linked` function is compiled once for each dtype, has
its own place in the cache on disk, and its callers hold no more than the name of a cell with its address.

The cell is registered with LLVM under its name when the function's module is imported, so that cached code finds it; it
is filled when the first kernel that needs it is loaded (`load_needed`).
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature
from typing import Any, ParamSpec, TypeVar, cast

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from fnn.kernels.caching import give_cache
from fnn.kernels.options import OPTIONS, Inline

P = ParamSpec("P")
R = TypeVar("R")
NumbaSignature = Callable[[types.Float], Any]

_FLOATS = (types.float32, types.float64)
_kept: list[Any] = []  # compiled code lives as long as somebody holds it


class Linked:
    """One function, its Numba signature by float type, and a cell for each compiled address."""

    def __init__(self, function: Callable[..., Any], signature: NumbaSignature) -> None:
        self.function = function
        self.signature = signature
        self._cells: dict[types.Float, ctypes.c_void_p] = {dtype: ctypes.c_void_p() for dtype in _FLOATS}
        for dtype, cell in self._cells.items():
            llvm.add_symbol(self.symbol(dtype), ctypes.addressof(cell))

    def symbol(self, dtype: types.Float) -> str:
        """The name of the cell."""
        return f"{self.function.__module__}.{self.function.__name__}.{dtype}"

    def load(self, dtype: types.Float) -> None:
        """Compile it, or read it from the cache, and fill the cell."""
        if not self._cells[dtype].value:
            self._cells[dtype].value = self.address(dtype)

    def address(self, dtype: types.Float) -> int:
        """Where the compiled code starts."""
        signature = self.signature(dtype)
        dispatcher = njit(no_cpython_wrapper=True, **OPTIONS)(self.function)
        give_cache(dispatcher, self.function)
        dispatcher.compile(signature)
        compiled = dispatcher.overloads[signature.args]
        _kept.append(compiled)
        address: int = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)

        return address


_links: dict[int, Linked] = {}  # by the identity of what callers see


def reached_through(caller: Any, link: Linked) -> None:
    """Note that compiled code that calls `caller` needs the link's cell."""
    _links[id(caller)] = link


def load_needed(function: Callable[..., Any], dtype: types.Float) -> None:
    """Fill the cells of all linked functions that a function can reach."""
    for link in needed_by(function):
        link.load(dtype)


def needed_by(function: Callable[..., Any]) -> list[Linked]:
    """The linked functions that a function can reach, read off the names in its code."""
    found: dict[Linked, None] = {}
    seen: set[Callable[..., Any]] = set()
    waiting = [function]
    while waiting:
        caller = waiting.pop()
        if caller in seen:
            continue
        seen.add(caller)
        for name in caller.__code__.co_names:
            called = caller.__globals__.get(name)
            if isinstance(called, Inline):
                waiting.append(called.function)
            elif id(called) in _links:
                link = _links[id(called)]
                found[link] = None
                waiting.append(link.function)

    return list(found)


def _float_types(arguments: Iterable[Any]) -> Iterator[types.Float]:
    """The float types that the arguments point to."""
    for argument in arguments:
        if isinstance(argument, types.NamedTuple):
            yield from _float_types(argument)
        elif isinstance(argument, types.CPointer) and argument.dtype in _FLOATS:
            yield argument.dtype


def linked(signature: NumbaSignature) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function that other kernels call through its cell; `signature` gives its Numba signature for a float."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        link = Linked(function, signature)

        def call(typingctx: Any, *arguments: Any) -> Any:
            dtype = next(_float_types(arguments))

            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                is_void = signature.return_type == types.void
                result = ir.VoidType() if is_void else context.get_value_type(signature.return_type)
                kind = ir.FunctionType(result, [context.get_value_type(t) for t in signature.args])
                name = link.symbol(dtype)
                cell = builder.module.globals.get(name) or ir.GlobalVariable(builder.module, kind.as_pointer(), name)
                value = builder.call(builder.load(cell), values)
                return context.get_dummy_value() if is_void else value

            return link.signature(dtype), codegen

        # Numba reads the names of an intrinsic's parameters off its signature.
        names = ["typingctx", *function.__code__.co_varnames[: function.__code__.co_argcount]]
        vars(call)["__signature__"] = Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])
        seen_by_callers = intrinsic(call)
        reached_through(seen_by_callers, link)

        return cast(Callable[P, R], seen_by_callers)

    return decorate
