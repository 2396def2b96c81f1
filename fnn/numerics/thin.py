"""Products of few columns: Aᵀ D, worked out as Dᵀ A and transposed, and A B, blocks of A transposed in registers.

Vectors run along the columns of a product. Where those don't fill one, most lanes are idle, and each fma waits for a
load of its own; along the rows there are many. Each element is the same chain of fma, so no bit changes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.memory import on_stack
from fnn.compiler.target import panel_width, require_pointer, vector_width
from fnn.numerics.matmul import Prefetch, matmul, prefetch_type, transposed
from fnn.numerics.microkernel import DESCEND, STORE, ZERO
from fnn.numerics.simd import Vectors, advanced, number, repeat

_I: Final = types.int64


@inline
def is_thin(n: int, k: int, lanes: int) -> bool:
    """Whether `thin_product` is faster than `matmul` for n columns and chains of k.

    A row of the result takes 0.54 k cycles by `matmul`, and n k / (2 lanes) and some 8 here.
    """
    return n < lanes and k * (lanes + 1 - n) >= 16 * lanes


def _product(t: types.Float) -> Any:
    p = types.CPointer(t)

    return types.void(_I, _I, _I, p, _I, p, _I, p, _I, _I, _I, t, p, _I, prefetch_type(t))


@linked(_product)
def thin_product(
    m: int, n: int, k: int, a: Floats, a_row: int, d: Floats, d_row: int, c: Floats, c_row: int, columns: int,
    epilogue: int, eta: float, work: Floats, work_row: int, prefetch: Prefetch,
) -> None:  # fmt: skip
    """C = epilogue(Aᵀ D): `matmul` of A (k × m), D (k × n) and C (m × n), all by rows, from ZERO.

    `work` has room for n rows of m elements. Of `columns`, n or a whole vector, those from n on become epilogue(0).
    """
    panel, lanes, zero = panel_width(c), vector_width(c), like(c, 0.0)
    matmul(n, m, k, d, 1, d_row, a, panel, a_row, work, panel, work_row, ZERO, work, STORE, zero, prefetch)
    factor = -eta if epilogue == DESCEND else like(c, 1.0)
    i = 0
    while i < m:  # a range with a step would divide
        rows, into = min(lanes, m - i), shift(c, i * c_row)
        _use_transposed(shift(work, i), work_row, n, rows, columns, factor, epilogue != STORE, into, c_row)
        i += lanes


@intrinsic
def _use_transposed(
    typingctx: Any, work: types.CPointer, work_row: NumbaType, n: NumbaType, rows: NumbaType, columns: NumbaType,
    factor: NumbaType, updates: NumbaType, into: NumbaType, into_row: NumbaType,
) -> Any:  # fmt: skip
    """into[i,j] = factor · work[j,i], with one rounding added to what it was if it `updates` it, i < rows."""
    require_pointer(work)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        work_, work_row_, n_, rows_, columns_, factor_, updates_, into_, into_row_ = arguments
        vectors = Vectors(context, builder, work.dtype)
        scale, none = vectors.splat(factor_), vectors.none
        in_row, in_column = vectors.first(columns_), vectors.first(rows_)
        read = builder.select(updates_, in_row, none)

        def at(p: IRValue, stride: IRValue, row: int) -> IRValue:
            return cgutils.gep(builder, p, builder.mul(stride, number(row)))

        def some(row: int, count: IRValue, mask: IRValue) -> IRValue:
            return builder.select(builder.icmp_signed("<", number(row), count), mask, none)

        rows_of_work = [(at(work_, work_row_, row), some(row, n_, in_column)) for row in range(vectors.lanes)]
        block = [vectors.masked_load(*row) for row in rows_of_work]
        for row, x in enumerate(transposed(vectors, block)):
            p = at(into_, into_row_, row)
            with builder.if_then(builder.icmp_signed("<", number(row), rows_)):
                old = builder.select(read, vectors.masked_load(p, read), vectors.minus_zero)
                vectors.masked_store(vectors.fma(scale, x, old), p, in_row)

        return context.get_dummy_value()

    return types.void(work, _I, _I, _I, _I, work.dtype, types.boolean, work, _I), codegen


@inline
def has_few_columns(m: int, n: int, k: int, lanes: int) -> bool:
    """Whether `few_columns_product` is faster than `matmul` for m rows, n columns and chains of k.

    `matmul` takes half a cycle for a row and a number of its chain, `few_columns_product` as long as that takes for
    9 + 1.75 n rows (measured with vectors of 8 and 16 lanes) for each two vectors of rows.
    """
    return n < lanes <= k and m >= lanes and (m + 2 * lanes - 1) // (2 * lanes) * (36 + 7 * n) < 4 * m


@linked(lambda t: types.void(_I, _I, _I, *[types.CPointer(t), _I] * 2, *[types.CPointer(t)] * 2))
def few_columns_product(
    m: int, n: int, k: int, a: Floats, a_row: int, b: Floats, b_row: int, bias: Floats, c: Floats
) -> None:
    """C = A B + bias: `matmul` of A (m × k) and B (k × n), by rows, from BIAS; n < lanes ≤ k, lanes ≤ m.

    A row of C is as long as the next power of two from n on, with 0 behind its n columns. Rows of A are read by 32
    bytes, past their end, too. 77 cases from 203 to 3 units take 1.2 µs (2.2 by `matmul`), 64 from 2,048 to 10 units
    13.4 (18.2), in float32 with AVX-512.
    """
    lanes, sums, width = vector_width(c), on_stack(c), 1
    while width < n:
        width *= 2
    i = 0
    while i < m:  # a range with a step would divide
        # The last two vectors of rows may overlap with those before: they are computed again, with the same bits.
        first, second = min(i, m - lanes), min(i + lanes, m - lanes)
        _begin_sums(n, width, bias, sums)
        _add_products(n, k, shift(a, first * a_row), shift(a, second * a_row), a_row, b, b_row, sums)
        _store_sums(width, sums, shift(c, first * width), (second - first) * width)
        i += 2 * lanes


@intrinsic
def _begin_sums(typingctx: Any, n: NumbaType, width: NumbaType, bias: NumbaType, sums: types.CPointer) -> Any:
    """Two vectors of sums for each column, which begin with its bias, and with 0 from column n up to the width."""
    require_pointer(sums)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        n_, width_, bias_, sums_ = arguments
        vectors = Vectors(context, builder, sums.dtype)

        def fill(into: IRValue, x: IRValue) -> list[IRValue]:
            for part in range(2):
                vectors.store(x, cgutils.gep(builder, into, number(part * vectors.lanes)))
            return []

        def biases(_: list[IRValue], into: IRValue, bias: IRValue) -> list[IRValue]:
            return fill(into, vectors.splat(builder.load(bias)))

        def zeros(_: list[IRValue], into: IRValue) -> list[IRValue]:
            return fill(into, vectors.zero)

        column = number(2 * vectors.lanes)
        repeat(builder, n_, 1, biases, [(sums_, column), (bias_, number(1))])
        with builder.if_then(builder.icmp_signed(">", width_, n_)):
            behind = cgutils.gep(builder, sums_, builder.mul(n_, column))
            repeat(builder, builder.sub(width_, n_), 1, zeros, [(behind, column)])

        return context.get_dummy_value()

    return types.void(_I, _I, sums, sums), codegen


class _Products:
    """Two vectors of rows of A, times B: the code of `_add_products`.

    Two, because each chain waits for its last fma. 16 bytes of a row are loaded at a time, and such blocks transposed:
    of whole vectors LLVM merges the shuffles into twice as many, and most registers are spilled, which takes 1.8 times
    as long.
    """

    def __init__(self, context: Any, builder: IRBuilder, dtype: types.Float, arguments: Any) -> None:
        self.n, self.k, self.a_1, self.a_2, self.a_row, self.b, self.b_row, self.sums = arguments
        self.builder, self.vectors = builder, Vectors(context, builder, dtype)
        self.block = 16 * 8 // dtype.bitwidth
        self.depth = min(2 * self.block, self.vectors.lanes)  # columns: more than a block, or sums wait for memory

    def write(self) -> None:
        builder, depth = self.builder, number(self.depth)
        count = builder.udiv(self.k, depth)
        done, b_step = builder.mul(count, depth), builder.mul(self.b_row, depth)
        repeat(builder, count, 1, self._whole, [(self.a_1, depth), (self.a_2, depth), (self.b, b_step)])
        left = builder.sub(self.k, done)
        with builder.if_then(builder.icmp_signed(">", left, number(0))):
            self._rest(done, left)

    def _columns(self, a: IRValue) -> list[IRValue]:
        """`depth` columns of a vector of rows."""
        columns = []
        for start in range(0, self.depth, self.block):
            at = cgutils.gep(self.builder, a, number(start))
            rows = [advanced(self.builder, at, self.a_row, number(row)) for row in range(self.vectors.lanes)]
            columns += self.vectors.columns(rows)
        return columns

    def _whole(self, _: list[IRValue], a_1: IRValue, a_2: IRValue, b: IRValue) -> list[IRValue]:
        """Add the products of `depth` columns of A."""
        xs = [*zip(self._columns(a_1), self._columns(a_2), strict=True)]
        steps = [self.builder.mul(self.b_row, number(i)) for i in range(self.depth)]

        def longer(totals: Sequence[IRValue], b: IRValue) -> Sequence[IRValue]:
            for x, step in zip(xs, steps, strict=True):
                totals = self._fma(x, cgutils.gep(self.builder, b, step), totals)
            return totals

        self._each_sum(b, longer)
        return []

    def _rest(self, done: IRValue, left: IRValue) -> None:
        """Add the products of the last columns of A, fewer than `depth`."""
        builder, vectors = self.builder, self.vectors
        space = cgutils.alloca_once(builder, vectors.type, 2 * self.depth)
        for part, a in enumerate((self.a_1, self.a_2)):
            for i, x in enumerate(self._columns(cgutils.gep(builder, a, done))):
                builder.store(x, cgutils.gep(builder, space, number(2 * i + part)))

        def term(totals: Sequence[IRValue], x: IRValue, b: IRValue) -> Sequence[IRValue]:
            return self._fma([builder.load(cgutils.gep(builder, x, number(part))) for part in range(2)], b, totals)

        def longer(totals: Sequence[IRValue], b: IRValue) -> Sequence[IRValue]:
            return repeat(builder, left, 1, term, [(space, number(2)), (b, self.b_row)], totals)

        self._each_sum(cgutils.gep(builder, self.b, builder.mul(done, self.b_row)), longer)

    def _fma(self, x: Sequence[IRValue], b: IRValue, totals: Sequence[IRValue]) -> list[IRValue]:
        factor = self.vectors.splat(self.builder.load(b))
        return [self.vectors.fma(part, factor, total) for part, total in zip(x, totals, strict=True)]

    def _each_sum(self, b: IRValue, longer: Callable[..., Sequence[IRValue]]) -> None:
        """For each column of B, read its sums, add to them, and write them."""
        lanes = number(self.vectors.lanes)

        def column(_: list[IRValue], b: IRValue, sums: IRValue) -> list[IRValue]:
            places = [sums, cgutils.gep(self.builder, sums, lanes)]
            for p, total in zip(places, longer([self.vectors.load(p) for p in places], b), strict=True):
                self.vectors.store(total, p)
            return []

        repeat(self.builder, self.n, 1, column, [(b, number(1)), (self.sums, number(2 * self.vectors.lanes))])


@intrinsic
def _add_products(
    typingctx: Any, n: NumbaType, k: NumbaType, a_1: NumbaType, a_2: NumbaType, a_row: NumbaType, b: NumbaType,
    b_row: NumbaType, sums: types.CPointer,
) -> Any:  # fmt: skip
    """Add A B to the sums of two vectors of rows of A, which begin at a_1 and a_2."""
    require_pointer(sums)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        _Products(context, builder, sums.dtype, arguments).write()
        return context.get_dummy_value()

    return types.void(_I, _I, sums, sums, _I, sums, _I, sums), codegen


@intrinsic
def _store_sums(typingctx: Any, width: NumbaType, sums: NumbaType, c: types.CPointer, step: NumbaType) -> Any:
    """Two vectors of sums for each column become rows of C, `width` long; the second vectors' are `step` behind."""
    require_pointer(c)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        width_, sums_, c_, step_ = arguments
        vectors, width = Vectors(context, builder, c.dtype), 1
        lanes = vectors.lanes

        def rows(_: list[IRValue], sums: IRValue, c: IRValue) -> list[IRValue]:
            xs = [vectors.load(cgutils.gep(builder, sums, number(2 * d * lanes))) for d in range(width)]
            for _step in range(width.bit_length() - 1):  # each interleaves the halves, as one shuffles cards
                pairs = zip(xs[: width // 2], xs[width // 2 :], strict=True)
                xs = [x for pair in pairs for x in vectors.interleaved(*pair)]
            for i, x in enumerate(xs):
                vectors.store(x, cgutils.gep(builder, c, number(i * lanes)))
            return []

        while width <= lanes:
            with builder.if_then(builder.icmp_signed("==", width_, number(width))):
                repeat(builder, number(2), 1, rows, [(sums_, number(lanes)), (c_, step_)])
            width *= 2

        return context.get_dummy_value()

    return types.void(_I, c, c, _I), codegen
