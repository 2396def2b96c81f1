"""A barrier for threads that run one kernel side by side.

A step of a small network takes a few microseconds, and so does a barrier of the usual kind. This one spins on a counter
(0.2 µs for four threads on four cores), and gives the processor away when it has spun for long, so that a thread
that the system has put aside can catch up.
"""

import sys
from typing import Any

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import ir
from fnn.compiler.intrinsics import Integers, shift

SIZE = 64  # int64s that a barrier takes
_ARRIVED, _ROUND = 0, 32  # on cache lines of their own
ABANDONED = 33  # not zero if a part has failed before it came here, so that nobody need wait
ASKED = 34  # not zero if somebody outside asks for an end
AGREED = 35  # set by any part before the barrier of phase 1, and read after it, so that all parts decide alike
_SPINS = 4000  # some 20 µs


@intrinsic
def fetch_and_add(typingctx: Any, p: Any, value: Any) -> Any:
    """The old *p; *p += value, at once for all threads."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", arguments[0], arguments[1], "acq_rel")

    return types.int64(p, types.int64), codegen


@intrinsic
def load_acquired(typingctx: Any, p: Any) -> Any:
    """*p, and with it all that was written before it was."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(arguments[0], "acquire", 8)

    return types.int64(p), codegen


@intrinsic
def store_released(typingctx: Any, p: Any, value: Any) -> Any:
    """*p = value, after all that was written before."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store_atomic(arguments[1], arguments[0], "release", 8)
        return context.get_dummy_value()

    return types.void(p, types.int64), codegen


@intrinsic
def _pause(typingctx: Any) -> Any:
    """Tell the processor that this is a spinning loop."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if context.codegen().magic_tuple()[0].startswith("x86_64"):
            pause = builder.module.declare_intrinsic("llvm.x86.sse2.pause", fnty=ir.FunctionType(ir.VoidType(), []))
            builder.call(pause, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def _give_way(typingctx: Any) -> Any:
    """Let another thread have the processor."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if sys.platform != "win32":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(
                builder.module.globals.get("sched_yield") or ir.Function(builder.module, kind, "sched_yield"), []
            )
        return context.get_dummy_value()

    return types.void(), codegen


@inline
def wait_for_all(barrier: Integers, parts: int) -> None:
    """Return when all parts have come here; what they wrote before is then seen by all."""
    if parts == 1:
        return
    this_round = load_acquired(shift(barrier, _ROUND))
    if fetch_and_add(shift(barrier, _ARRIVED), 1) == parts - 1:
        store_released(shift(barrier, _ARRIVED), 0)
        store_released(shift(barrier, _ROUND), this_round + 1)
        return
    spins = 0
    while load_acquired(shift(barrier, _ROUND)) == this_round and load_acquired(shift(barrier, ABANDONED)) == 0:
        spins += 1
        if spins < _SPINS:
            _pause()
        else:
            _give_way()


@inline
def agrees_to_end(barrier: Integers) -> bool:
    """Whether somebody asks for an end; then all parts agree to it, once they have waited for each other."""
    if load_acquired(shift(barrier, ASKED)) == 0:
        return False
    store_released(shift(barrier, AGREED), 1)
    return True
