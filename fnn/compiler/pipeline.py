"""Numba's compiler, less what kernels don't need: the first `train` in an empty cache takes 3.25 s, not 4.65.

Kernels count no references, raise nothing of their own, and have no closures, generators or context managers. So:

- the steps of the compiler that look for these are left out, and variables are never deleted (`_PASSES`): 0.3 s;
- Numba's runtime isn't linked into kernels, and LLVM doesn't optimise the functions of a module one by one before it
  optimises them together, which makes no step slower (`_Library`): 0.2 s;
- what is found out of a call's types is kept for the next call of the same (`_TypingContext`): 0.15 s;
- Python's collector of cycles rests (`compiling`): it would visit all objects of the process again and again: 0.1 s.

The rest is `fnn.compiler.inline`'s, which links once, and ``_nrt=False``'s. Measured on 784-128-10, float32 (``python
-m tests.benchmarks --only processes``), and with one of them taken out.
"""

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import BuiltinFunctionType, FrameType
from typing import Any, Final

from numba import njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.runtime import rtsys
from numba.core.typed_passes import NativeLowering, NoPythonBackend, NopythonTypeInference, PreLowerStripPhis
from numba.core.typing import Context
from numba.core.untyped_passes import FixupArgs, ReconstructSSA, TranslateByteCode

from fnn.compiler.internals import OPTIONS, global_compiler_lock, require_compiler


class _Library(JITCodeLibrary):
    """LLVM's code of one function, and of those that become part of it."""

    def add_linking_library(self, library: Any) -> None:
        if library is not rtsys.library and library not in self._linking_libraries:
            super().add_linking_library(library)

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    """Numba's own, into a library of ours."""

    _name = "fnn_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = _Library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()

        return super().run_pass(state)


# With the words that Numba has for them in messages on a user's function that can't be compiled.
_PASSES: Final = {
    TranslateByteCode: "analyzing bytecode",
    FixupArgs: "fix up args",
    ReconstructSSA: "ssa",
    NopythonTypeInference: "nopython frontend",
    PreLowerStripPhis: "remove phis nodes",
    _Lowering: "native lowering",
    NoPythonBackend: "nopython mode backend",
}


class _TypingContext(Context):
    """Numba's, which remembers what functions and operators return for some types of arguments."""

    def __init__(self, shared: Context) -> None:
        vars(self).update(vars(shared))
        self._found: dict[Any, Any] = {}

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        if kws or not _is_lasting(func):
            return super().resolve_function_type(func, args, kws)
        if isinstance(func, BuiltinFunctionType) and all(isinstance(a, types.Number | types.Boolean) for a in args):
            args = tuple(map(types.unliteral, args))
        key = func, *args
        if key not in self._found:
            self._found[key] = super().resolve_function_type(func, args, kws)

        return self._found[key]


def _is_lasting(func: Any) -> bool:
    """Whether a function always returns the same type: one of the user's may be compiled again, with other globals."""
    if isinstance(func, types.Dispatcher):
        return func.dispatcher._compiler.pipeline_class is Compiler

    return isinstance(func, types.Function | BuiltinFunctionType)


_typing_context: Final = cache(_TypingContext)


class Compiler(CompilerBase):
    """What `njit` takes as ``pipeline_class``."""

    def __init__(self, typingctx: Any, *arguments: Any) -> None:
        super().__init__(typingctx, *arguments)
        self.state.typingctx = _typing_context(typingctx)

    def define_pipelines(self) -> list[PassManager]:
        passes = PassManager("nopython")
        for step, words in _PASSES.items():
            passes.add_pass(step, words)
        passes.finalize()

        return [passes]


_PIPELINE: Final[dict[str, Any]] = dict(pipeline_class=Compiler)


@contextmanager
def compiling() -> Iterator[None]:
    """Keep other threads from compiling, Python from looking for cycles of objects, and Ctrl-C from ending it."""
    with _interrupts_wait(), global_compiler_lock:
        was_enabled = gc.isenabled()
        try:
            gc.disable()
            yield
        finally:
            if was_enabled:
                gc.enable()


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt at the end, or the second time at once.

    LLVM calls functions in Python, and what is raised there is lost, with the code. Raised while llvmlite takes or
    returns its lock, it would leave that taken: other threads would wait for ever.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    caught: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        if caught:
            signal.default_int_handler(number, frame)
        caught.append(number)

    try:
        signal.signal(signal.SIGINT, wait)
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if caught:
            raise KeyboardInterrupt


def jitted(function: Callable[..., Any], **options: Any) -> Any:
    """A dispatcher for a function of fnn; RuntimeError if Numba makes none."""
    require_compiler()

    return njit(**options, **OPTIONS, **_PIPELINE)(function)
