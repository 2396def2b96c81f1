"""Kernels that other kernels call through a pointer.

Numba links the code of a called function into its caller and optimises it there again, at every level of the call
tree: the matrix kernel alone would cost every caller seconds. A `linked` function is compiled once for each dtype, has
its own place in the cache on disk, and its callers hold no more than the name of a cell with its address.

The cell is registered with LLVM under a name when this module's users are imported, so that cached code finds it; it is
filled when the first kernel of its dtype is loaded (`load_all`).
"""

import ctypes
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from fnn.kernels.caching import give_cache
from fnn.kernels.options import OPTIONS

P = ParamSpec("P")
R = TypeVar("R")
Signature = Callable[[types.Float], Any]

_FLOATS = (types.float32, types.float64)


class Linked:
    """One function, its signature by float type, and a cell for each compiled address."""

    def __init__(self, function: Callable[..., Any], signature: Signature) -> None:
        self.function = function
        self.signature = signature
        self._cells = {t: ctypes.c_void_p() for t in _FLOATS}
        self._dispatcher = njit(no_cpython_wrapper=True, **OPTIONS)(function)
        give_cache(self._dispatcher, function)
        for dtype, cell in self._cells.items():
            llvm.add_symbol(self.symbol(dtype), ctypes.addressof(cell))

    def symbol(self, dtype: types.Float) -> str:
        return f"{self.function.__module__}.{self.function.__name__}.{dtype}"

    def load(self, dtype: types.Float) -> None:
        """Compile it, or read it from the cache, and fill the cell."""
        if self._cells[dtype].value is None:
            signature = self.signature(dtype)
            self._dispatcher.compile(signature)
            compiled = self._dispatcher.overloads[signature.args]
            name = compiled.fndesc.llvm_cfunc_wrapper_name
            self._cells[dtype].value = compiled.library.get_pointer_to_function(name)


_all: list[Linked] = []


def load_all(dtype: types.Float) -> None:
    """Fill the cells of every linked function for a dtype."""
    for function in _all:
        function.load(dtype)


def _float_types(arguments: Iterable[Any]) -> Iterator[types.Float]:
    """The float types that the arguments point to."""
    for argument in arguments:
        if isinstance(argument, types.NamedTuple):
            yield from _float_types(argument)
        elif isinstance(argument, types.CPointer) and argument.dtype in _FLOATS:
            yield argument.dtype


def linked(signature: Signature) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function that other kernels call through its cell; `signature` gives its Numba signature for a float."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        link = Linked(function, signature)
        _all.append(link)

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
        names = ["typingctx", *inspect.signature(function).parameters]
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
        vars(call)["__signature__"] = inspect.Signature(parameters)

        return cast(Callable[P, R], intrinsic(call))

    return decorate
