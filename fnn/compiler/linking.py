"""Kernels that other kernels call through a pointer.

Numba links the code of a called function into its caller and optimises it there again, at every level of the call
tree: the matrix kernel alone would cost every caller seconds. A `linked` function is compiled once for each dtype, has
its own place in the cache on disk, and its callers hold no more than the name of a cell with its address.

The cell is registered with LLVM under its name when the function's module is imported, so that cached code finds it; it
is filled when the first kernel that needs it is loaded (`load_needed`).
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from numba import types

from fnn.compiler.addresses import (
    NumbaSignature,
    address_of,
    compiled,
    embedded,
    emit_call,
    function_type,
    start_of,
)
from fnn.compiler.inline import Inline, intrinsic, with_parameters
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, binding, ir
from fnn.compiler.pipeline import compiling
from fnn.compiler.target import FLOATS

P = ParamSpec("P")
R = TypeVar("R")


class Linked:
    """One function, its Numba signature by float type, and a cell for each compiled address."""

    def __init__(self, function: Callable[..., Any], signature: NumbaSignature) -> None:
        self.function = function
        self.signature = signature
        self._cells: dict[types.Float, ctypes.c_void_p] = {dtype: ctypes.c_void_p() for dtype in FLOATS}
        for dtype, cell in self._cells.items():
            binding.add_symbol(self.symbol(dtype), ctypes.addressof(cell))

    def symbol(self, dtype: types.Float) -> str:
        """The name of the cell."""
        return f"{self.function.__module__}.{self.function.__name__}.{dtype}"

    def emit(self, context: Any, builder: IRBuilder, dtype: types.Float, values: Any) -> IRValue:
        """Write the call into a caller."""
        signature = self.signature(dtype)
        kind, name = function_type(context, signature), self.symbol(dtype)
        cell = builder.module.globals.get(name) or ir.GlobalVariable(builder.module, kind.as_pointer(), name)

        return emit_call(context, builder, signature, builder.load(cell), values)

    def load(self, dtype: types.Float) -> None:
        """Compile the function, or read it from the cache on disk, and fill the cell."""
        if not self._cells[dtype].value:
            self._cells[dtype].value = self.address(dtype)

    def address(self, dtype: types.Float) -> int:
        return address_of(self.function, self.signature(dtype), cached=True)


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
    links: dict[Linked, None] = {}
    visited: set[Callable[..., Any]] = set()
    waiting = [function]
    while waiting:
        caller = waiting.pop()
        if caller in visited:
            continue
        visited.add(caller)
        cells = [cell.cell_contents for cell in caller.__closure__ or ()]
        for called in [*(caller.__globals__.get(name) for name in caller.__code__.co_names), *cells]:
            if isinstance(called, Inline):
                waiting.append(called.function)
            elif id(called) in _links:
                link = _links[id(called)]
                links[link] = None
                waiting.append(link.function)

    return list(links)


def _float_types(arguments: Iterable[NumbaType]) -> Iterator[types.Float]:
    """The float types that the arguments point to."""
    for argument in arguments:
        if isinstance(argument, types.NamedTuple):
            yield from _float_types(argument)
        elif isinstance(argument, types.CPointer) and argument.dtype in FLOATS:
            yield argument.dtype


def linked(signature: NumbaSignature) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function that other kernels call through its cell; `signature` gives its Numba signature for a float."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        link = Linked(function, signature)

        def call(typingctx: Any, *arguments: NumbaType) -> Any:
            dtype = next(_float_types(arguments))

            def codegen(context: Any, builder: IRBuilder, signature: Any, values: Any) -> IRValue:
                return link.emit(context, builder, dtype, values)

            return link.signature(dtype), codegen

        seen_by_callers = intrinsic(
            with_parameters(call, function.__code__.co_varnames[: function.__code__.co_argcount])
        )
        reached_through(seen_by_callers, link)

        return cast(Callable[P, R], seen_by_callers)

    return decorate


_entries: list[Linked] = []


def entry_point(signature: NumbaSignature) -> Callable[[Callable[..., Any]], Linked]:
    """Make a function that only a user's jitted functions call, so that kernels don't wait for it to be compiled."""

    def decorate(function: Callable[..., Any]) -> Linked:
        link = Linked(function, signature)
        _entries.append(link)

        return link

    return decorate


def load_entries(dtype: types.Float) -> None:
    """Fill the cells of all entry points, and of the linked functions that they need."""
    with compiling():
        for link in _entries:
            load_needed(link.function, dtype)
            link.load(dtype)


class OnDemand:
    """A function that is compiled for a dtype on first use: for its address, or to be embedded into other code."""

    def __init__(self, function: Callable[..., Any], signature: NumbaSignature, *, cached: bool = True) -> None:
        self.function, self.signature = function, signature
        self._cached = cached  # on disk
        self._compiled: dict[types.Float, tuple[Any, int]] = {}

    def address(self, dtype: types.Float) -> int:
        return self.compiled(dtype)[1]

    def embed(self, context: Any, builder: IRBuilder, dtype: types.Float) -> ir.Function:
        """Make the code part of what is being compiled, which can then be cached alone."""
        return embedded(context, builder, self.compiled(dtype)[0], function_type(context, self.signature(dtype)))

    def emit(self, context: Any, builder: IRBuilder, dtype: types.Float, values: Any) -> IRValue:
        """Write the call into a caller that the code becomes part of."""
        return emit_call(context, builder, self.signature(dtype), self.embed(context, builder, dtype), values)

    def compiled(self, dtype: types.Float) -> tuple[Any, int]:
        """Numba's compile result and the address of the code."""
        found = self._compiled.get(dtype)
        if found is None:
            with compiling():
                if dtype not in self._compiled:
                    load_needed(self.function, dtype)
                    result = compiled(self.function, self.signature(dtype), cached=self._cached)
                    self._compiled[dtype] = result, start_of(result)
                found = self._compiled[dtype]

        return found
