"""The matrix product of all three steps of backpropagation: Z = A W, Δ Wᵀ, Aᵀ Δ; and the layouts of its operands.

A is read through strides, B and C by panels of P = `panel_width` columns, all counted in elements:
A[i,k] = a[i a_row + k a_col], B[k,j] = b[(j // P) b_panel + k b_row + j % P]. So a row-major matrix has panel = P and
row = the length of its rows; a packed one, whose panels lie one behind the other, has panel = rows · P and row = P.
"""

from typing import Any, Final, NamedTuple

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils
from fnn.compiler.intrinsics import Floats, Integers, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import LINE, line_width, panel_width, require_pointer, tile_rows
from fnn.numerics.microkernel import SUMS, ZERO
from fnn.numerics.simd import Vectors, advanced, number
from fnn.numerics.tile import tile

_I: Final = types.int64
_SLOWEST: Final = 2  # how often, at most, the rate is halved at which rows are prefetched


class Prefetch(NamedTuple):
    """Rows of a matrix that will be read soon: `rows` rows of `length` elements, whose numbers are in `order`."""

    matrix: Floats
    order: Integers
    length: int
    rows: int


def prefetch_type(t: types.Float) -> types.Type:
    return types.NamedTuple([types.CPointer(t), types.CPointer(_I), _I, _I], Prefetch)


def _product(t: types.Float) -> Any:
    p = types.CPointer(t)

    return types.void(_I, _I, _I, p, _I, _I, p, _I, _I, p, _I, _I, _I, p, _I, t, prefetch_type(t))


@inline
def _tile_width(m: int, panel: int) -> int:
    """Columns of the widest tile of m rows; see `widest`."""
    return panel * (4 if m == 1 else 2 if m == 2 else 1)


@inline
def _heights(m: int, limit: int) -> tuple[int, int, int]:
    """The number of blocks of rows, their height, and how many of them, the first ones, are a row taller."""
    blocks = (m + limit - 1) // limit
    height = m // blocks
    return blocks, height, m - height * blocks


@inline
def _tiles_for(elements: int, of_tile: int) -> int:
    """How many tiles it takes to prefetch `elements`, if each prefetches `of_tile`."""
    return (elements + of_tile - 1) // of_tile


@inline
def _throttle(prefetch: Prefetch, length: int, tiles: int) -> int:
    """How often to halve the rate of prefetching rows: in a rush, rows from memory delay what is needed now."""
    halvings = 0
    while (
        prefetch.rows > 0
        and halvings < _SLOWEST
        and prefetch.rows * _tiles_for(prefetch.length, length >> halvings + 1) <= tiles
    ):
        halvings += 1
    return halvings


@linked(_product)
def _many_tiles(
    m: int, n: int, k: int, a: Floats, a_row: int, a_col: int, b: Floats, b_panel: int, b_row: int,
    c: Floats, c_panel: int, c_row: int, init: int, bias: Floats, epilogue: int, eta: float, prefetch: Prefetch,
) -> None:  # fmt: skip
    """`matmul` tile by tile: panels outside, blocks of rows of nearly equal height inside, many by one call.

    A tile prefetches a line an iteration: of the next panels of B, else of the rows. The first tile that uses a panel
    from memory, the third-level cache or another core would wait for it: 110 instead of 200 GFLOP/s for layers of 1024
    units, and Aᵀ Δ took a fifth longer on cores that share no cache.
    """
    panel, line = panel_width(c), line_width(b)
    blocks, height, taller = _heights(m, tile_rows(c))
    width = _tile_width(m, panel)
    is_packed = b_row == panel  # so that a panel lies in one piece
    ahead = width // panel * b_panel
    length = k * line  # elements, by one tile
    of_panel = min((panel + line - 1) // line, blocks)  # tiles
    slower = _throttle(prefetch, length, (n + width - 1) // width * (blocks - of_panel) + of_panel)
    reach, of_row = LINE >> slower, _tiles_for(prefetch.length, length >> slower)
    row = fetched = 0
    for j in range(0, n, width):
        i = block = 0
        b_q, c_q = shift(b, j // panel * b_panel), shift(c, j // panel * c_panel)
        while block < blocks:
            source, step, count = b_q, 0, blocks - block
            is_next = block < of_panel and (j + width < n or (is_packed and prefetch.rows == 0))
            if is_next and is_packed:
                source, step, count = shift(b_q, ahead + block * length), LINE, of_panel - block
            elif is_next:
                source, step, count = shift(b_q, ahead + block * line), b_row * LINE // line, 1
            elif row < prefetch.rows:
                at = prefetch.order[row] * prefetch.length + fetched * (length >> slower)
                source, step, count = shift(prefetch.matrix, at), reach, of_row - fetched
            rows = height + (block < taller)
            count = min(count, (taller if block < taller else blocks) - block)
            how = init
            if init == SUMS and block < blocks - 1:  # the row of ones is in the last block
                count, how = min(count, blocks - 1 - block), ZERO
            tile(
                rows, count, k, shift(a, i * a_row), a_row, a_col, b_q, b_panel, b_row,
                shift(c_q, i * c_row), c_panel, c_row, how, shift(bias, j), epilogue, eta,
                min(width, n - j), source, step,
            )  # fmt: skip
            i += rows * count
            block += count
            if not is_next:
                fetched += count
                if fetched >= of_row:
                    row, fetched = row + 1, 0


@inline
def matmul(
    m: int, n: int, k: int, a: Floats, a_row: int, a_col: int, b: Floats, b_panel: int, b_row: int,
    c: Floats, c_panel: int, c_row: int, init: int, bias: Floats, epilogue: int, eta: float, prefetch: Prefetch,
) -> None:  # fmt: skip
    """C[i,j] = epilogue(init + Σ_k A[i,k] B[k,j]), i < m, j < n; each element one chain of fma, k in order.

    m, n, k ≥ 1. `init` and `epilogue` are codes of `fnn.numerics.microkernel`. Columns from n on are neither read nor
    written.
    """
    # One tile may take 5 ns: 3 more, or 25 for a row, if this weren't inlined.
    if m <= tile_rows(c) and n <= _tile_width(m, panel_width(c)):
        tile(m, 1, k, a, a_row, a_col, b, b_panel, b_row, c, c_panel, c_row, init, bias, epilogue, eta, n, b, 0)
    else:
        _many_tiles(m, n, k, a, a_row, a_col, b, b_panel, b_row, c, c_panel, c_row, init, bias, epilogue, eta, prefetch)


def _transposing(dst: types.CPointer, is_whole: bool) -> Any:
    """The code of `transpose_block` or `transpose_edge`."""
    require_pointer(dst)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        block, block_row, to, to_row, *extent = arguments
        vectors = Vectors(context, builder, dst.dtype)
        masks = [vectors.first(count) for count in extent]
        none = vectors.none

        def row_of(p: IRValue, stride: IRValue, row: int) -> IRValue:
            return cgutils.gep(builder, p, builder.mul(stride, number(row)))

        def mask_of(row: int, count: IRValue, lanes_of_row: IRValue) -> IRValue:
            """The mask of a row; no lane from the row `count` on."""
            return builder.select(builder.icmp_signed("<", number(row), count), lanes_of_row, none)

        rows = []
        for row in range(vectors.lanes):
            p = row_of(block, block_row, row)
            rows.append(vectors.load(p) if is_whole else vectors.masked_load(p, mask_of(row, extent[0], masks[1])))
        for row, x in enumerate(transposed(vectors, rows)):
            p = row_of(to, to_row, row)
            if is_whole:
                vectors.store(x, p)
            else:
                vectors.masked_store(x, p, mask_of(row, extent[1], masks[0]))

        return context.get_dummy_value()

    return codegen


def transposed(vectors: Vectors, rows: list[IRValue]) -> list[IRValue]:
    """The columns of a square block: each step swaps one bit of the row's number with that of the lane's."""
    lanes, bit = vectors.lanes, 1
    while bit < lanes:
        # The second vector's lanes follow the first's.
        low = vectors.lane_numbers([lane + lanes - bit if lane & bit else lane for lane in range(lanes)])
        high = vectors.lane_numbers([lane + lanes if lane & bit else lane + bit for lane in range(lanes)])
        for row in range(lanes):
            if not row & bit:
                pair = rows[row], rows[row + bit]
                rows[row], rows[row + bit] = (vectors.builder.shuffle_vector(*pair, chosen) for chosen in (low, high))
        bit *= 2

    return rows


@intrinsic
def transpose_block(typingctx: Any, src: NumbaType, src_row: NumbaType, dst: types.CPointer, dst_row: NumbaType) -> Any:
    """dst[j,i] = src[i,j] for a square block as wide as a vector, half a panel."""
    return types.void(dst, _I, dst, _I), _transposing(dst, True)


@intrinsic
def transpose_edge(
    typingctx: Any, src: NumbaType, src_row: NumbaType, dst: types.CPointer, dst_row: NumbaType, height: NumbaType,
    width: NumbaType,
) -> Any:  # fmt: skip
    """The same for i < height, j < width, at most a vector; nothing else is read or written."""
    return types.void(dst, _I, dst, _I, _I, _I), _transposing(dst, False)


@intrinsic
def transpose_few(
    typingctx: Any, src: NumbaType, src_row: NumbaType, dst: types.CPointer, dst_row: NumbaType, height: NumbaType,
    width: NumbaType,
) -> Any:  # fmt: skip
    """The same for columns in the first 16 bytes of each row, which are read: 203 rows of 3 take 0.11 µs, not 0.20."""
    require_pointer(dst)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        block, block_row, to, to_row, height_, width_ = arguments
        vectors, last = Vectors(context, builder, dst.dtype), builder.sub(height_, number(1))
        numbers = [number(row) for row in range(vectors.lanes)]
        rows = [builder.select(builder.icmp_signed("<", last, row), last, row) for row in numbers]
        mask = vectors.first(height_)
        for j, x in enumerate(vectors.columns([advanced(builder, block, block_row, row) for row in rows])):
            with builder.if_then(builder.icmp_signed("<", number(j), width_)):
                vectors.masked_store(x, advanced(builder, to, to_row, number(j)), mask)

        return context.get_dummy_value()

    return types.void(dst, _I, dst, _I, _I, _I), codegen


@linked(lambda t: types.void(_I, types.CPointer(t), _I, _I, types.CPointer(t), _I, _I))
def _transpose_by_blocks(n: int, src: Floats, src_panel: int, src_row: int, dst: Floats, k0: int, k1: int) -> None:
    """`transpose_pack` by square blocks, with masks at the edges: a tenth of the time of element by element."""
    panel = panel_width(dst)
    block, few = panel // 2, line_width(dst) // 4
    i = k0
    while i < k1:
        height = min(block - i % block, k1 - i)
        to = shift(dst, i // panel * panel * n + i % panel)
        for j in range(0, n, block):
            corner, width = shift(src, j // panel * src_panel + i * src_row + j % panel), min(block, n - j)
            if n <= few <= src_row:
                transpose_few(corner, src_row, shift(to, j * panel), panel, height, width)
            elif height == block == width:
                transpose_block(corner, src_row, shift(to, j * panel), panel)
            else:
                transpose_edge(corner, src_row, shift(to, j * panel), panel, height, width)
        i += height


@inline
def transpose_pack(k: int, n: int, src: Floats, src_panel: int, src_row: int, dst: Floats, k0: int, k1: int) -> None:
    """Write rows k0 .. k1 of W (k × n, in panels) as columns of Wᵀ (n × k) in packed panels."""
    if (k1 - k0) * n > 16:
        _transpose_by_blocks(n, src, src_panel, src_row, dst, k0, k1)
        return
    panel = panel_width(dst)
    for j in range(n):
        for i in range(k0, k1):
            dst[i // panel * panel * n + j * panel + i % panel] = src[j // panel * src_panel + i * src_row + j % panel]
