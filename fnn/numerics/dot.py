"""The inner product of two long vectors, in one order on every machine."""

from typing import Any, Final

from numba import types

from fnn.compiler.inline import intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, TypingError, cgutils, ir
from fnn.compiler.target import require_pointer
from fnn.numerics.simd import I32, number

CHAINS: Final = 16  # two to eight vectors of float64, whose latencies overlap


@intrinsic
def dot(typingctx: Any, a: NumbaType, b: NumbaType, count: NumbaType) -> Any:
    """Σ aᵢ bᵢ in float64: CHAINS chains of fma, the element i in the chain i mod CHAINS, added up in halves."""
    require_pointer(a)
    if a != b:
        raise TypingError(f"needs pointers of one type, got {a} and {b}")
    doubles = ir.VectorType(ir.DoubleType(), CHAINS)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        a, b, count = arguments
        kind, size = a.type.pointee, context.get_abi_sizeof(a.type.pointee)
        row, blocks = ir.VectorType(kind, CHAINS), builder.udiv(count, number(CHAINS))
        sums = cgutils.alloca_once(builder, doubles)
        builder.store(ir.Constant(doubles, None), sums)

        def widened(x: IRValue, into: ir.Type) -> IRValue:
            return x if x.type == into else builder.fpext(x, into)

        def fma(x: IRValue, y: IRValue, total: IRValue) -> IRValue:
            lanes = "v16f64" if total.type == doubles else "f64"
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(total.type, [total.type] * 3), f"llvm.fma.{lanes}"
            )
            return builder.call(function, [widened(x, total.type), widened(y, total.type), total])

        def rows_of(p: IRValue) -> IRValue:
            return builder.bitcast(p, row.as_pointer())

        with cgutils.for_range(builder, blocks) as loop:
            x, y = (builder.load(builder.gep(rows_of(p), [loop.index]), align=size) for p in (a, b))
            builder.store(fma(x, y, builder.load(sums)), sums)
        # The chains of the rest are in memory, where they can be counted through; LLVM keeps the others in registers.
        rest = cgutils.alloca_once(builder, doubles)
        builder.store(builder.load(sums), rest)
        done = builder.mul(blocks, number(CHAINS))
        with cgutils.for_range(builder, builder.sub(count, done)) as loop:
            at = builder.gep(builder.bitcast(rest, ir.DoubleType().as_pointer()), [loop.index])
            x, y = (builder.load(builder.gep(p, [builder.add(done, loop.index)])) for p in (a, b))
            builder.store(fma(x, y, builder.load(at)), at)

        return _total(builder, builder.load(rest))

    return types.float64(a, b, types.int64), codegen


def _total(builder: IRBuilder, sums: IRValue) -> IRValue:
    """The lanes of a vector, the second half added to the first until one is left."""
    count = CHAINS
    while count > 1:
        count //= 2
        low, high = ([*range(start, start + count)] for start in (0, count))
        halves = (ir.Constant(ir.VectorType(I32, count), lanes) for lanes in (low, high))
        low_sums, high_sums = (builder.shuffle_vector(sums, sums, half) for half in halves)
        sums = builder.fadd(low_sums, high_sums)

    return builder.extract_element(sums, I32(0))
