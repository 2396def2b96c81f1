"""Instructions on whole vectors, and loops of them, for intrinsics: Numba has no type for a vector."""

from collections.abc import Callable, Sequence
from typing import Any

from numba import types

from fnn.compiler.internals import IRBuilder, IRValue, cgutils, ir
from fnn.compiler.target import machine

I32, I64 = ir.IntType(32), ir.IntType(64)


def number(n: int) -> ir.Constant:
    """A constant int64."""
    return ir.Constant(I64, n)


class Vectors:
    """Instructions on vectors of a dtype; a mask chooses lanes."""

    def __init__(self, context: Any, builder: IRBuilder, dtype: types.Float) -> None:
        _, self._size, self.lanes, _, _ = machine(context, dtype)
        self.builder = builder
        self.type = ir.VectorType(context.get_value_type(dtype), self.lanes)
        self.zero = ir.Constant(self.type, None)
        self.minus_zero = ir.Constant(self.type, [-0.0] * self.lanes)  # x + -0 is x for each x
        self.none = ir.Constant(ir.VectorType(ir.IntType(1), self.lanes), [0] * self.lanes)  # the empty mask

    def load(self, p: IRValue) -> IRValue:
        return self.builder.load(self._cast(p), align=self._size)

    def load_parts(self, places: Sequence[IRValue]) -> IRValue:
        """A vector of equally long parts, each from a place of its own."""
        kind = ir.VectorType(self.type.element, self.lanes // len(places)).as_pointer()
        parts: list[IRValue] = [self.builder.load(self.builder.bitcast(p, kind), align=self._size) for p in places]
        while len(parts) > 1:
            both = self.lane_numbers(range(2 * parts[0].type.count))
            parts = [self.builder.shuffle_vector(a, b, both) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    def columns(self, rows: Sequence[IRValue]) -> list[IRValue]:
        """The first 16 bytes of as many rows as a vector has lanes, by columns: blocks side by side are transposed."""
        block = 16 // self._size
        xs = [self.load_parts(rows[i::block]) for i in range(block)]
        if block == 4:
            xs = [x for i in (0, 2) for x in self.interleaved(xs[i], xs[i + 1], 1, block)]
        half = block // 2
        return [x for i in range(half) for x in self.interleaved(xs[i], xs[i + half], half, block)]

    def interleaved(self, a: IRValue, b: IRValue, run: int = 1, part: int | None = None) -> list[IRValue]:
        """Runs of a and b by turns: of the first half and of the second, of each part if a vector has several."""
        part = part or self.lanes
        first_half = [
            lane + of_b
            for start in range(0, self.lanes, part)
            for at in range(start, start + part // 2, run)
            for of_b in (0, self.lanes)
            for lane in range(at, at + run)
        ]
        halves = first_half, [lane + part // 2 for lane in first_half]
        return [self.builder.shuffle_vector(a, b, self.lane_numbers(half)) for half in halves]

    def store(self, x: IRValue, p: IRValue) -> None:
        self.builder.store(x, self.builder.bitcast(p, x.type.as_pointer()), align=self._size)

    def splat(self, x: IRValue) -> IRValue:
        """A vector of one number."""
        undefined = ir.Constant(ir.VectorType(x.type, self.lanes), ir.Undefined)
        one = self.builder.insert_element(undefined, x, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(one, one, self.lane_numbers([0] * self.lanes))

    def lane_numbers(self, numbers: Sequence[int]) -> ir.Constant:
        return ir.Constant(ir.VectorType(I32, len(numbers)), list(numbers))

    def first(self, count: IRValue) -> IRValue:
        """The mask of the first lanes."""
        limits = self.splat(self.builder.trunc(count, I32))
        return self.builder.icmp_signed("<", self.lane_numbers(range(self.lanes)), limits)

    def masked_load(self, p: IRValue, mask: IRValue) -> IRValue:
        """The lanes of the mask, and 0 in the others."""
        return self._call_masked("load", self.type, [self._cast(p), I32(self._size), mask, self.zero])

    def masked_store(self, x: IRValue, p: IRValue, mask: IRValue) -> None:
        self._call_masked("store", ir.VoidType(), [x, self._cast(p), I32(self._size), mask])

    def _cast(self, p: IRValue) -> IRValue:
        return self.builder.bitcast(p, self.type.as_pointer())

    def _call_masked(self, name: str, returned: ir.Type, values: Sequence[IRValue]) -> IRValue:
        kind = ir.FunctionType(returned, [value.type for value in values])
        name = f"llvm.masked.{name}.v{self.lanes}f{8 * self._size}.p0"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), values)

    def fma(self, a: IRValue, b: IRValue, c: IRValue) -> IRValue:
        name = f"llvm.fma.v{self.lanes}f{8 * self._size}"
        function = self.builder.module.declare_intrinsic(name, fnty=ir.FunctionType(self.type, [self.type] * 3))
        return self.builder.call(function, [a, b, c])

    def chains(
        self, starts: Sequence[IRValue], count: IRValue, v: IRValue, v_step: IRValue, numbers: Sequence[IRValue],
        step: IRValue,
    ) -> Sequence[IRValue]:  # fmt: skip
        """start_r + Σ_i v[i·v_step + lane] · numbers_r[i·step], i < count, in order, for each r."""

        def longer(totals: Sequence[IRValue], v: IRValue, *places: IRValue) -> list[IRValue]:
            x = self.load(v)
            factors = [self.splat(self.builder.load(p)) for p in places]
            return [self.fma(x, factor, total) for factor, total in zip(factors, totals, strict=True)]

        return repeat(self.builder, count, 1, longer, [(v, v_step), *((p, step) for p in numbers)], starts)


def repeat(
    builder: IRBuilder, count: IRValue, each: int, body: Callable[..., Sequence[IRValue]],
    moving: Sequence[tuple[IRValue, IRValue]], values: Sequence[IRValue] = (),
) -> Sequence[IRValue]:  # fmt: skip
    """Write a loop of count / each iterations, at least one, and return the last values.

    `body` makes new values of the old ones and of what moves: pairs of a place and its step from one iteration to the
    next. LLVM unrolls no such loop: it would prepare for thousands of iterations where there are two.
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
    # The number of iterations left is hidden from LLVM.
    left = builder.asm(ir.FunctionType(I64, [I64]), "", "=r,0", [builder.sub(phis[0], number(each))], False)
    moved = [advanced(builder, p, step) for p, step in zip(phis[1:behind], steps, strict=True)]
    for phi, x in zip(phis, [left, *moved, *new], strict=True):
        phi.add_incoming(x, builder.block)
    builder.cbranch(builder.icmp_signed(">", left, number(0)), loop, done)
    builder.position_at_end(done)

    return new


def advanced(builder: IRBuilder, p: IRValue, step: IRValue, times: IRValue | None = None) -> IRValue:
    """A pointer or an integer after some steps."""
    by = step if times is None else builder.mul(step, times)

    return builder.add(p, by) if p.type == I64 else cgutils.gep(builder, p, by)
