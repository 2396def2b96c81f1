"""The matrix product where B is large and row-major: block by block, each first copied to packed panels.

Rows of B that lie 4 KB or more apart share a few sets of the caches, and each is on a page of its own: `matmul` would
read them from memory again for each of its tiles.
"""

from typing import Any, Final

from numba import types
from numba.extending import register_jitable

from fnn.compiler.addresses import calling
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Floats, prefetch_line, shift
from fnn.compiler.linking import OnDemand
from fnn.compiler.target import line_width, panel_width
from fnn.numerics.matmul import Prefetch, matmul, prefetch_type
from fnn.numerics.microkernel import KEEP, STORE
from fnn.numerics.outer import copy_vectors

DEEP: Final = 512  # rows of a block
WIDE: Final = 4  # its panels: 256 KB by AVX-512, a quarter of a second-level cache
_AHEAD: Final = 16  # rows


@register_jitable
def pays(m: int, n: int, lanes: int) -> bool:
    """Whether copies are worth while: rows of B 4 KB apart by AVX-512, and, of 4, 8 or 16 KB, 64, 32 or 16 rows of A.

    784-4096-4096-10 takes 46 ms for 256 cases, 84 without copies, on one core (float32; `fnn.forward`, threads=1).
    """
    return n >= 64 * lanes and m * n >= 4096 * lanes


def _blocks_type(t: types.Float) -> Any:
    i, p = types.int64, types.CPointer(t)

    return types.void(i, i, i, p, i, p, i, p, i, i, p, p, t, prefetch_type(t))


def matmul_by_blocks(
    m: int, n: int, k: int, a: Floats, a_row: int, b: Floats, b_row: int, c: Floats, c_row: int, init: int,
    bias: Floats, panels: Floats, zero: float, nothing: Prefetch,
) -> None:  # fmt: skip
    """`matmul` of row-major matrices, with the same bits; `panels` has room for a block, of DEEP · WIDE panels' rows.

    Up to a panel less an element is read behind each row of B.
    """
    panel = panel_width(c)
    width = WIDE * panel
    for j in range(0, n, width):
        columns = min(width, n - j)
        for first in range(0, k, DEEP):
            depth = min(DEEP, k - first)
            _copy_panels(shift(b, first * b_row + j), b_row, depth, columns, panels)
            matmul(
                m, columns, depth, shift(a, first), a_row, 1, panels, depth * panel, panel, shift(c, j), panel, c_row,
                init if first == 0 else KEEP, shift(bias, j), STORE, zero, nothing,
            )  # fmt: skip


@inline
def _copy_panels(b: Floats, b_row: int, depth: int, columns: int, panels: Floats) -> None:
    """Rows of B to panels, one behind the other; rows that follow are prefetched."""
    panel = panel_width(b)
    for row in range(depth):
        source, to = shift(b, row * b_row), shift(panels, row * panel)
        ahead = shift(source, _AHEAD * b_row)
        for j in range(0, columns, panel):
            for i in range(0, panel, line_width(b)):
                prefetch_line(shift(ahead, j + i))
            copy_vectors(shift(source, j), panel, shift(to, j * depth))


BY_BLOCKS: Final = OnDemand(matmul_by_blocks, _blocks_type)  # few networks need it


@intrinsic
def call_by_blocks(
    typingctx: Any, address: Any, m: Any, n: Any, k: Any, a: Any, a_row: Any, b: Any, b_row: Any, c: Any, c_row: Any,
    init: Any, bias: Any, panels: Any, zero: Any, nothing: Any,
) -> Any:  # fmt: skip
    """`matmul_by_blocks`, at its address."""
    return calling(_blocks_type(c.dtype))
