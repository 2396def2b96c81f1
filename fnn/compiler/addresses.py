"""Code that is called through its address: how it is compiled, where it starts, and how a kernel calls it."""

import os
from collections.abc import Callable
from typing import Any, Final

from numba import types

from fnn.compiler.cache import give_cache
from fnn.compiler.internals import IRBuilder, IRValue, binding, cgutils, event, global_compiler_lock, ir
from fnn.compiler.notice import Notice
from fnn.compiler.pipeline import jitted

NumbaSignature = Callable[[types.Float], Any]

_llvm_lock: Final = binding.ffi.lib._lock


def _acquire_locks() -> None:
    """Wait until no thread compiles or is in LLVM: a forked child would inherit locks whose owners it doesn't have."""
    global_compiler_lock.acquire()
    _llvm_lock.__enter__()  # in this order: those who compile take it within Numba's lock


def _release_locks() -> None:
    _llvm_lock.__exit__()
    global_compiler_lock.release()


os.register_at_fork(before=_acquire_locks, after_in_parent=_release_locks, after_in_child=_release_locks)

event.register("numba:compile", Notice())

_results: list[Any] = []  # compiled code is freed with the last reference to it


def compiled(function: Callable[..., Any], signature: Any, *, cached: bool) -> Any:
    """Compile a function, or read it from the cache on disk; Numba's compile result."""
    dispatcher = jitted(function, no_cpython_wrapper=True)
    if cached:
        give_cache(dispatcher, function)
    dispatcher.compile(signature)
    result = dispatcher.overloads[signature.args]
    _results.append(result)

    return result


def start_of(result: Any) -> int:
    """The address of compiled code."""
    return result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)


def address_of(function: Callable[..., Any], signature: Any, *, cached: bool) -> int:
    """Compile a function, or read it from the cache on disk; the address of its code."""
    return start_of(compiled(function, signature, cached=cached))


def function_type(context: Any, signature: Any) -> ir.FunctionType:
    """LLVM's type of a function with this signature."""
    returned = signature.return_type
    result = ir.VoidType() if returned == types.void else context.get_value_type(returned)

    return ir.FunctionType(result, [context.get_value_type(t) for t in signature.args])


def embedded(context: Any, builder: IRBuilder, result: Any, kind: ir.FunctionType) -> ir.Function:
    """Link compiled code of this type into the module that is being compiled."""
    context.add_linking_libs([result.library])

    return cgutils.get_or_insert_function(builder.module, kind, result.fndesc.llvm_cfunc_wrapper_name)


def link_finished(context: Any, code: str) -> None:
    """Link code in LLVM's language into what is being compiled, all of which is then left unoptimised."""
    library, module = context.active_code_library, binding.parse_assembly(code)
    module.data_layout = str(context.target_data)
    library._final_module.link_in(module)
    library._optimize_final_module = lambda: None


def emit_call(context: Any, builder: IRBuilder, signature: Any, code: IRValue, values: Any) -> IRValue:
    """Write a call of the code that a pointer leads to."""
    value = builder.call(code, values)

    return context.get_dummy_value() if signature.return_type == types.void else value


def emit_call_at(context: Any, builder: IRBuilder, signature: Any, address: IRValue, values: Any) -> IRValue:
    """Write a call of the code at an address."""
    code = builder.inttoptr(address, function_type(context, signature).as_pointer())

    return emit_call(context, builder, signature, code, values)


def calling(signature: Any) -> Any:
    """Typing and code of an intrinsic that calls the code at an address, its first argument, with the others."""

    def codegen(context: Any, builder: IRBuilder, _: Any, arguments: Any) -> IRValue:
        return emit_call_at(context, builder, signature, arguments[0], arguments[1:])

    return signature.return_type(types.int64, *signature.args), codegen
