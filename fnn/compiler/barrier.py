"""A spinning barrier for the threads that run one kernel.

A step of a small network takes a few microseconds, and so does a barrier of the operating system. This one spins on a
counter (0.2 µs for four threads on four cores) and, after `_SPINS` iterations, yields the processor at each further
one, so that a thread that the scheduler has suspended can arrive.
"""

import sys
from typing import Any, Final

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import cgutils, ir
from fnn.compiler.intrinsics import Integers, shift

# A barrier is an array of int64, zero at first. Its counter and its round lie on cache lines of their own.
SIZE: Final = 64
_ARRIVED, _ROUND = 0, 32
ABANDONED = 33  # nonzero once a thread has failed: the others must not wait for it
INTERRUPTED = 34  # nonzero once the caller wants the run to end
CANCELLED = 35  # set by any thread in phase 1 and read behind its barrier, so that all threads decide alike
_SPINS: Final = 4000  # about 20 µs


@intrinsic
def fetch_and_add(typingctx: Any, p: Any, value: Any) -> Any:
    """*p += value as one atomic operation; returns the old *p."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", arguments[0], arguments[1], "acq_rel")

    return types.int64(p, types.int64), codegen


@intrinsic
def load_acquired(typingctx: Any, p: Any) -> Any:
    """*p; what its writer stored before it is visible from here on."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(arguments[0], "acquire", 8)

    return types.int64(p), codegen


@intrinsic
def store_released(typingctx: Any, p: Any, value: Any) -> Any:
    """*p = value, visible after everything that this thread stored before."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[1], arguments[0], "release", 8)
        return context.get_dummy_value()

    return types.void(p, types.int64), codegen


@intrinsic
def _pause(typingctx: Any) -> Any:
    """The processor's hint for a spinning loop."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if context.codegen().magic_tuple()[0].startswith("x86_64"):
            pause = builder.module.declare_intrinsic("llvm.x86.sse2.pause", fnty=ir.FunctionType(ir.VoidType(), []))
            builder.call(pause, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _yield_processor(typingctx: Any) -> Any:
    """Let the scheduler run another thread."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if sys.platform != "win32":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@inline
def wait_for_all(barrier: Integers, threads: int) -> None:
    """Return once all threads have arrived; each then sees what the others have written."""
    if threads == 1:
        return
    this_round = load_acquired(shift(barrier, _ROUND))
    if fetch_and_add(shift(barrier, _ARRIVED), 1) == threads - 1:
        store_released(shift(barrier, _ARRIVED), 0)
        store_released(shift(barrier, _ROUND), this_round + 1)
        return
    spins = 0
    while load_acquired(shift(barrier, _ROUND)) == this_round and load_acquired(shift(barrier, ABANDONED)) == 0:
        spins += 1
        if spins < _SPINS:
            _pause()
        else:
            _yield_processor()


@inline
def cancel_if_interrupted(barrier: Integers) -> bool:
    """Whether an interrupt is pending; if so, all threads find CANCELLED set after the barrier of this phase."""
    if load_acquired(shift(barrier, INTERRUPTED)) == 0:
        return False
    store_released(shift(barrier, CANCELLED), 1)
    return True
