"""Instructions on whole vectors, and loops of them, for intrinsics: Numba has no type for a vector."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from fnn.compiler.options import intrinsic
from fnn.numerics.microkernel import machine, require_pointer

I64 = ir.IntType(64)


def number(n: int) -> Any:
    """A constant int64."""
    return ir.Constant(I64, n)


@intrinsic
def lanes_of(typingctx: Any, p: Any) -> Any:
    """Elements of a vector of what p points to. A constant when compiled."""
    require_pointer(p)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return number(machine(context, p.dtype).lanes)

    return types.int64(p), codegen


class Vectors:
    """Instructions on vectors of a dtype."""

    def __init__(self, context: Any, builder: Any, dtype: types.Float) -> None:
        _, self._size, self.lanes, _, _ = machine(context, dtype)
        self.builder = builder
        self.type = ir.VectorType(context.get_value_type(dtype), self.lanes)
        self.zero = ir.Constant(self.type, None)

    def load(self, p: Any) -> Any:
        return self.builder.load(self.builder.bitcast(p, self.type.as_pointer()), align=self._size)

    def store(self, x: Any, p: Any) -> None:
        self.builder.store(x, self.builder.bitcast(p, x.type.as_pointer()), align=self._size)

    def splat(self, x: Any) -> Any:
        """A vector of one number."""
        word = ir.IntType(32)
        one = self.builder.insert_element(ir.Constant(self.type, ir.Undefined), x, ir.Constant(word, 0))
        return self.builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(word, self.lanes), [0] * self.lanes))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        name = f"llvm.fma.v{self.lanes}f{8 * self._size}"
        function = self.builder.module.declare_intrinsic(name, fnty=ir.FunctionType(self.type, [self.type] * 3))
        return self.builder.call(function, [a, b, c])

    def chains(self, starts: Sequence[Any], count: Any, v: Any, v_step: Any, numbers: Sequence[Any], step: Any) -> Any:
        """start_r + Σ_i v[i·v_step + lane] · numbers_r[i·step], i < count, in order, for each r."""

        def longer(totals: Sequence[Any], v: Any, *places: Any) -> list[Any]:
            x = self.load(v)
            factors = [self.splat(self.builder.load(p)) for p in places]
            return [self.fma(x, factor, total) for factor, total in zip(factors, totals, strict=True)]

        return repeat(self.builder, count, 1, longer, [(v, v_step), *((p, step) for p in numbers)], starts)


def repeat(
    builder: Any, count: Any, each: int, body: Callable[..., Sequence[Any]], moving: Iterable[tuple[Any, Any]],
    values: Sequence[Any] = (),
) -> Sequence[Any]:  # fmt: skip
    """A loop of count / each turns, 1 at least: the body makes new values of old ones, of what moves on by its steps.

    LLVM unrolls no such loop: it would get ready for thousands of turns where there are two.
    """
    before, places, steps = builder.block, [p for p, _ in moving], [step for _, step in moving]
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    first = [count, *places, *values]
    phis = [builder.phi(x.type) for x in first]
    for phi, x in zip(phis, first, strict=True):
        phi.add_incoming(x, before)
    behind = 1 + len(places)
    new = body(phis[behind:], *phis[1:behind])
    # How many turns are left is hidden from LLVM.
    left = builder.asm(ir.FunctionType(I64, [I64]), "", "=r,0", [builder.sub(phis[0], number(each))], False)
    moved = [on(builder, p, step) for p, step in zip(phis[1:behind], steps, strict=True)]
    for phi, x in zip(phis, [left, *moved, *new], strict=True):
        phi.add_incoming(x, builder.block)
    builder.cbranch(builder.icmp_signed(">", left, number(0)), loop, done)
    builder.position_at_end(done)

    return new


def on(builder: Any, p: Any, step: Any, times: Any = None) -> Any:
    """A pointer or a number further on by some steps."""
    by = step if times is None else builder.mul(step, times)

    return builder.add(p, by) if p.type == I64 else cgutils.gep(builder, p, by)
