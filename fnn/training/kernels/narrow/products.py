"""The products of a narrow network: vectors of sums side by side, each one chain of fma in order.

They are written in LLVM's language, inside the function that calls them. LLVM's vectoriser stores halves of vectors,
which the next load of a whole one waits for, and prepares for long loops: with Numba's loops a step of 2-2-1 units and
4 cases took 1850 instructions instead of 1000.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from numba import types

from fnn.compiler.inline import intrinsic
from fnn.compiler.target import require_pointer
from fnn.losses.kernels.squares import Squares
from fnn.numerics.simd import Vectors, advanced, number, repeat

_HEIGHT: Final = 2  # rows of a product that are computed together: 4 make 2-2-1 units 8 % slower, 16-16-16 5 % faster


class _Product:
    """The code of C = N V for rows of whole vectors; the pointer `beside` advances with the rows of C.

    `init` makes the vector that the chains of a row start from, given the pointer beside the row; `epilogue` makes
    elements of C, given their sums and the pointer beside them.
    """

    def __init__(
        self, vectors: Vectors, arguments: Sequence[Any], init: Callable[[Any], Any],
        epilogue: Callable[[Any, Any], Any],
    ) -> None:  # fmt: skip
        self.vectors, self.builder, self.init, self.epilogue = vectors, vectors.builder, init, epilogue
        self.m, self.n, self.k, *rest = arguments
        scalars, scalar_row, self.scalar_step, self.v, self.v_row, into, into_row, beside, beside_row = rest
        self.pointers = (into, into_row), (scalars, scalar_row), (beside, beside_row)

    def write(self) -> None:
        """All rows: in pairs, and the last one alone."""
        paired = self.builder.and_(self.m, number(-_HEIGHT))
        self._rows(_HEIGHT, number(0), paired)
        self._rows(1, paired, self.builder.sub(self.m, paired))

    def _rows(self, height: int, first: Any, count: Any) -> None:
        pointers = [
            (advanced(self.builder, p, step, first), self.builder.mul(step, number(height)))
            for p, step in self.pointers
        ]
        with self.builder.if_then(self.builder.icmp_signed(">", count, number(0))):
            repeat(self.builder, count, height, partial(self._block, height), pointers)

    def _block(self, height: int, _: Any, *pointers: Any) -> Sequence[Any]:
        """`height` rows."""
        steps = [step for _, step in self.pointers]
        rows = [
            [advanced(self.builder, p, step, number(r)) for p, step in zip(pointers, steps, strict=True)]
            for r in range(height)
        ]
        into, scalars, beside = zip(*rows, strict=True)
        starts = [self.init(b) for b in beside]

        def columns(_: Any, j: Any) -> Sequence[Any]:
            v = advanced(self.builder, self.v, j)
            totals = self.vectors.chains(starts, self.k, v, self.v_row, scalars, self.scalar_step)
            for total, c, b in zip(totals, into, beside, strict=True):
                self.vectors.store(self.epilogue(total, advanced(self.builder, b, j)), advanced(self.builder, c, j))
            return ()

        lanes = self.vectors.lanes
        return repeat(self.builder, self.n, lanes, columns, [(number(0), number(lanes))])


def _product_type(p: Any, *more: Any) -> Any:
    """The signature: C is m × n, N is m × k with N_ji = scalars[j · row + i · step], V is k × n; none is empty."""
    require_pointer(p)
    i = types.int64

    return types.void(i, i, i, p, i, i, p, i, p, i, *more)


@intrinsic
def product_plus(
    typingctx: Any, m: Any, n: Any, k: Any, scalars: Any, scalar_row: Any, scalar_step: Any, v: Any, v_row: Any,
    into: Any, into_row: Any, b: Any, b_step: Any,
) -> Any:  # fmt: skip
    """C = b + N V, with b_j = b[j · b_step] for all of row j."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        vectors = Vectors(context, builder, into.dtype)
        _Product(vectors, arguments, lambda b: vectors.splat(builder.load(b)), lambda total, b: total).write()
        return context.get_dummy_value()

    return _product_type(into, into, types.int64), codegen


@intrinsic
def product_times(
    typingctx: Any, m: Any, n: Any, k: Any, scalars: Any, scalar_row: Any, scalar_step: Any, v: Any, v_row: Any,
    into: Any, into_row: Any, factors: Any,
) -> Any:  # fmt: skip
    """C = N V ⊙ F, with F by rows as C is."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        vectors, row = Vectors(context, builder, into.dtype), arguments[-2]

        def times(total: Any, f: Any) -> Any:
            return builder.fmul(total, vectors.load(f))

        _Product(vectors, [*arguments, row], lambda f: vectors.zero, times).write()
        return context.get_dummy_value()

    return _product_type(into, into), codegen


@intrinsic
def descend_product(
    typingctx: Any, m: Any, n: Any, k: Any, scalars: Any, scalar_row: Any, scalar_step: Any, v: Any, v_row: Any,
    into: Any, into_row: Any, eta: Any,
) -> Any:  # fmt: skip
    """C −= η N V, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        *rest, c, row, eta = arguments
        vectors = Vectors(context, builder, into.dtype)
        down = vectors.splat(builder.fneg(eta))

        def less(total: Any, c: Any) -> Any:
            return vectors.fma(down, total, vectors.load(c))

        _Product(vectors, [*rest, c, row, c, row], lambda c: vectors.zero, less).write()
        return context.get_dummy_value()

    return _product_type(into, into.dtype), codegen


@intrinsic
def transpose_small(typingctx: Any, m: Any, n: Any, source: Any, source_row: Any, into: Any, into_row: Any) -> Any:
    """The transpose of m × n elements, element by element; m, n ≥ 1."""
    require_pointer(into)
    i, p = types.int64, into

    def codegen(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        rows, columns, source, source_row, into, into_row = arguments

        def element(_: Any, s: Any, t: Any) -> Sequence[Any]:
            builder.store(builder.load(s), t)
            return ()

        def row(_: Any, s: Any, t: Any) -> Sequence[Any]:
            return repeat(builder, columns, 1, element, [(s, number(1)), (t, into_row)])

        repeat(builder, rows, 1, row, [(source, source_row), (into, number(1))])
        return context.get_dummy_value()

    return types.void(i, i, p, i, p, i), codegen


@intrinsic
def squared_errors(
    typingctx: Any, units: Any, stride: Any, a: Any, y: Any, prime: Any, case_weights: Any, delta: Any, errors: Any
) -> Any:
    """E1, E2 and B1 of whole vectors of cases, `stride` of them, as in `fnn.losses.kernels.squares`.

    E = w · ½ Σ_d (a_d − y_d)² in float64, 0 where w, the case's weight, is; δ_d = w · (a_d − y_d) · f′_d.
    """
    require_pointer(a)
    i, p = types.int64, a

    def codegen(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        units, stride, a, y, prime, case_weights, delta, errors = arguments
        vectors = Vectors(context, builder, p.dtype)
        squares = Squares(vectors)

        def cases(_: Any, a: Any, y: Any, prime: Any, delta: Any, case_weights: Any, errors: Any) -> Sequence[Any]:
            case_weight = vectors.load(case_weights)

            def unit(totals: Sequence[Any], a: Any, y: Any, prime: Any, delta: Any) -> Sequence[Any]:
                difference = builder.fsub(vectors.load(a), vectors.load(y))
                vectors.store(builder.fmul(builder.fmul(case_weight, difference), vectors.load(prime)), delta)
                return [squares.longer(totals[0], difference)]

            (total,) = repeat(builder, units, 1, unit, [(p, stride) for p in (a, y, prime, delta)], [squares.zero])
            vectors.store(squares.weighted(total, case_weight), errors)
            return ()

        each = number(vectors.lanes)
        repeat(builder, stride, vectors.lanes, cases, [(p, each) for p in (a, y, prime, delta, case_weights, errors)])
        return context.get_dummy_value()

    return types.void(i, i, p, p, p, p, p, types.CPointer(types.float64)), codegen
