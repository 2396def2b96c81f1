"""Kernels that other kernels call through a pointer.

Numba links the code of a called function into its caller and optimises it there again, at every level of the call
tree: the matrix kernel alone would cost every caller seconds. A `linked` function is compiled once for each dtype, has
its own place in the cache on disk, and its callers hold no more than the name of a cell with its address.

The cell is registered with LLVM under its name when the function's module is imported, so that cached code finds it; it
is filled when the first kernel that needs it is loaded (`load_needed`).
"""

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature
from typing import Any, ParamSpec, TypeVar, cast

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock

from fnn.compiler.cache import give_cache
from fnn.compiler.options import OPTIONS, Inline, intrinsic

P = ParamSpec("P")
R = TypeVar("R")
NumbaSignature = Callable[[types.Float], Any]

# A fork waits until no thread compiles: the child would inherit Numba's lock without the thread that lets it go.
os.register_at_fork(
    before=global_compiler_lock.acquire,
    after_in_parent=global_compiler_lock.release,
    after_in_child=global_compiler_lock.release,
)

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

    def emit(self, context: Any, builder: Any, dtype: types.Float, values: Any) -> Any:
        """Write the call into a caller."""
        signature = self.signature(dtype)
        kind, name = _function_type(context, signature), self.symbol(dtype)
        cell = builder.module.globals.get(name) or ir.GlobalVariable(builder.module, kind.as_pointer(), name)
        value = builder.call(builder.load(cell), values)

        return context.get_dummy_value() if signature.return_type == types.void else value

    def load(self, dtype: types.Float) -> None:
        """Compile it, or read it from the cache, and fill the cell."""
        if not self._cells[dtype].value:
            self._cells[dtype].value = self.address(dtype)

    def address(self, dtype: types.Float) -> int:
        """Where the compiled code starts."""
        return address_of(self.function, self.signature(dtype), cached=True)


def _function_type(context: Any, signature: Any) -> Any:
    """What LLVM calls a function of this signature."""
    returned = signature.return_type
    result = ir.VoidType() if returned == types.void else context.get_value_type(returned)

    return ir.FunctionType(result, [context.get_value_type(t) for t in signature.args])


def address_of(function: Callable[..., Any], signature: Any, *, cached: bool) -> int:
    """Compile a function, or read it from the cache; where its code starts."""
    return start_of(compiled(function, signature, cached=cached))


def compiled(function: Callable[..., Any], signature: Any, *, cached: bool) -> Any:
    """Compile a function, or read it from the cache; what Numba makes of it."""
    dispatcher = njit(no_cpython_wrapper=True, **OPTIONS)(function)
    if cached:
        give_cache(dispatcher, function)
    dispatcher.compile(signature)
    result = dispatcher.overloads[signature.args]
    _kept.append(result)

    return result


def start_of(result: Any) -> int:
    """Where compiled code starts."""
    address: int = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)

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


class OnDemand:
    """A function that is compiled when somebody asks for it: for its address, or to make it part of other code."""

    def __init__(self, function: Callable[..., Any], signature: NumbaSignature) -> None:
        self.function, self.signature = function, signature
        self._compiled: dict[types.Float, tuple[Any, int]] = {}

    def address(self, dtype: types.Float) -> int:
        """Where the compiled code starts."""
        return self._made(dtype)[1]

    def embed(self, context: Any, builder: Any, dtype: types.Float) -> Any:
        """Make the code part of what is being compiled, which then needs nothing from elsewhere; where it starts."""
        return embedded(context, builder, self._made(dtype)[0], _function_type(context, self.signature(dtype)))

    def emit(self, context: Any, builder: Any, dtype: types.Float, values: Any) -> Any:
        """Write the call into a caller that it becomes part of."""
        return builder.call(self.embed(context, builder, dtype), values)

    def _made(self, dtype: types.Float) -> tuple[Any, int]:
        with global_compiler_lock:
            if dtype not in self._compiled:
                load_needed(self.function, dtype)
                result = compiled(self.function, self.signature(dtype), cached=True)
                self._compiled[dtype] = result, start_of(result)
            return self._compiled[dtype]


def embedded(context: Any, builder: Any, result: Any, kind: Any) -> Any:
    """A compiled function of this kind as part of what is being compiled."""
    context.add_linking_libs([result.library])

    return cgutils.get_or_insert_function(builder.module, kind, result.fndesc.llvm_cfunc_wrapper_name)


_entries: list[Linked] = []


def load_entries(dtype: types.Float) -> None:
    """Fill the cells of what jitted functions of others call, and of what that needs."""
    with global_compiler_lock:
        for link in _entries:
            load_needed(link.function, dtype)
            link.load(dtype)


def entry_point(signature: NumbaSignature) -> Callable[[Callable[..., Any]], Linked]:
    """Make a function that jitted functions of others call; kernels don't, so their users need not wait for it."""

    def decorate(function: Callable[..., Any]) -> Linked:
        link = Linked(function, signature)
        _entries.append(link)

        return link

    return decorate


def with_parameters(function: Callable[..., Any], names: Iterable[str]) -> Callable[..., Any]:
    """Name what a function takes after its typing context: Numba reads an intrinsic's parameters off its signature."""
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in ("typingctx", *names)]
    vars(function)["__signature__"] = Signature(parameters)

    return function


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
                return link.emit(context, builder, dtype, values)

            return link.signature(dtype), codegen

        seen_by_callers = intrinsic(
            with_parameters(call, function.__code__.co_varnames[: function.__code__.co_argcount])
        )
        reached_through(seen_by_callers, link)

        return cast(Callable[P, R], seen_by_callers)

    return decorate


def calling(wanted: Any) -> Any:
    """Typing and code of a call of what an address, the first argument, leads to."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [context.get_value_type(t) for t in wanted.args])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, *wanted.args), codegen
