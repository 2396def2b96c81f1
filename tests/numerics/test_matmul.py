"""Two oracles: exact fractions rounded after each step, and one element at a time in a scalar loop.

The first knows nothing of Numba; the second is compared bit by bit at every shape. NumPy's own product, in a wider
format, guards against an error that both would share.
"""

import hashlib
import os
import platform
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit, types
from numba.core.errors import TypingError
from numpy.typing import NDArray

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, fma, pointer, shift
from fnn.compiler.linking import load_needed
from fnn.compiler.target import panel_width, tile_rows
from fnn.numerics.matmul import Prefetch, matmul, transpose_pack
from fnn.numerics.microkernel import ADD, BIAS, DESCEND, KEEP, STORE, SUMS, ZERO

Array: TypeAlias = NDArray[np.floating[Any]]
Indices: TypeAlias = NDArray[np.int64]
Float: TypeAlias = type[np.floating[Any]]

MODES = [(ZERO, STORE), (BIAS, STORE), (KEEP, STORE), (ZERO, DESCEND), (ZERO, ADD)]
WIDER: dict[Float, type[np.floating[Any]]] = {np.float32: np.float64, np.float64: np.longdouble}

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
modes = pytest.mark.parametrize("init, epilogue", MODES)


@njit
def call(
    m: int, n: int, k: int, a: Array, a_row: int, a_col: int, b: Array, b_panel: int, b_row: int,
    c: Array, c_panel: int, c_row: int, init: int, bias: Array, epilogue: int, eta: Any, order: Indices,
) -> None:  # fmt: skip
    matmul(
        m, n, k, pointer(a), a_row, a_col, pointer(b), b_panel, b_row,
        pointer(c), c_panel, c_row, init, pointer(bias), epilogue, eta,
        Prefetch(pointer(a), pointer(order), k, order.size),
    )  # fmt: skip


@njit
def one_by_one(a: Array, b: Array, c: Array, init: int, bias: Array, epilogue: int, eta: Any) -> None:
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            acc = bias[j] - bias[j]
            if init == BIAS:
                acc = bias[j]
            elif init == KEEP:
                acc = c[i, j]
            for k in range(a.shape[1]):
                acc = fma(a[i, k], b[k, j], acc)
            if epilogue == STORE:
                c[i, j] = acc
            else:
                c[i, j] = acc + c[i, j] if epilogue == ADD else fma(-eta, acc, c[i, j])


@inline
def pack(k: int, n: int, src: Floats, src_row: int, dst: Floats) -> None:
    """Copy a row-major matrix k × n to packed panels; padding columns stay as they are."""
    panel = panel_width(dst)
    for j in range(0, n, panel):
        for i in range(k):
            row, to = shift(src, i * src_row + j), shift(dst, j * k + i * panel)
            for q in range(min(panel, n - j)):
                to[q] = row[q]


@inline
def unpack(k: int, n: int, src: Floats, dst: Floats, dst_row: int) -> None:
    """Copy a matrix k × n in packed panels to a row-major one."""
    panel = panel_width(dst)
    for j in range(0, n, panel):
        for i in range(k):
            row, to = shift(src, j * k + i * panel), shift(dst, i * dst_row + j)
            for q in range(min(panel, n - j)):
                to[q] = row[q]


@njit
def call_pack(k: int, n: int, src: Array, src_row: int, dst: Array) -> None:
    pack(k, n, pointer(src), src_row, pointer(dst))


@njit
def call_unpack(k: int, n: int, src: Array, dst: Array, dst_row: int) -> None:
    unpack(k, n, pointer(src), pointer(dst), dst_row)


@njit
def call_transpose(k: int, n: int, src: Array, panel: int, row: int, dst: Array, k0: int, k1: int) -> None:
    transpose_pack(k, n, pointer(src), panel, row, pointer(dst), k0, k1)


# The library's calls load the kernels that they need; these functions are none of them.
for function in (call, call_transpose):
    for dtype in (types.float32, types.float64):
        load_needed(function.py_func, dtype)


@njit
def tile_shape(x: Array) -> tuple[int, int]:
    """Most rows of a tile, columns of a panel."""
    return tile_rows(pointer(x)), panel_width(pointer(x))


PANEL = {dtype: tile_shape(np.zeros(1, dtype))[1] for dtype in WIDER}


class Matrix(NamedTuple):
    """A matrix somewhere in a buffer that holds NaN elsewhere."""

    buffer: Array
    where: Indices
    panel: int
    row: int

    @property
    def values(self) -> Array:
        return self.buffer[self.where]

    def intact(self) -> bool:
        """Nothing was written outside the matrix."""
        untouched = np.full_like(self.buffer, np.nan)
        untouched[self.where] = self.values

        return untouched.tobytes() == self.buffer.tobytes()


def place(values: Array, packed: bool, gap: int = 0) -> Matrix:
    """Lay out a matrix in panels: packed, or row-major with a gap between the rows."""
    width = PANEL[values.dtype.type]
    k, n = values.shape
    panel, row = (k * width, width) if packed else (width, n + gap)
    i, j = np.ogrid[:k, :n]
    where = j // width * panel + i * row + j % width
    buffer = np.full(-(-n // width) * k * width if packed else k * row, np.nan, values.dtype)
    buffer[where] = values

    return Matrix(buffer, where, panel, row)


class Operands(NamedTuple):
    a: Array
    b: Array
    c: Array
    bias: Array
    eta: np.floating[Any]


def operands(m: int, n: int, k: int, dtype: Float, seed: int = 0) -> Operands:
    rng = np.random.default_rng([seed, m, n, k])
    a, b, c, bias = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), (m, n), (n,)))

    return Operands(a, b, c, bias, dtype(0.3))


def multiply(
    x: Operands,
    init: int,
    epilogue: int,
    *,
    packed: bool = True,
    gap: int = 0,
    transposed: bool = False,
    prefetch: int = 0,
) -> Array:
    """The product by the kernel, with NaN around all operands."""
    (m, k), n = x.a.shape, x.b.shape[1]
    b, c = place(x.b, packed, gap), place(x.c, packed, gap)
    a_row, a_col = (1, m + gap) if transposed else (k + gap, 1)
    i, j = np.ogrid[:m, :k]
    a = np.full(m * a_row + k * a_col, np.nan, x.a.dtype)
    a[i * a_row + j * a_col] = x.a
    call(
        m, n, k, a, a_row, a_col, b.buffer, b.panel, b.row, c.buffer, c.panel, c.row,
        init, x.bias, epilogue, x.eta, np.zeros(prefetch, np.int64),
    )  # fmt: skip
    assert c.intact()

    return c.values


def expected(x: Operands, init: int, epilogue: int) -> Array:
    c = x.c.copy()
    one_by_one(x.a, x.b, c, init, x.bias, epilogue, x.eta)

    return c


def same_bits(x: Array, y: Array) -> bool:
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def rounded(x: Fraction, dtype: Float) -> np.floating[Any]:
    """The float nearest to x, ties to even."""
    near = dtype(float(x))
    floats = [near, np.nextafter(near, dtype(-np.inf)), np.nextafter(near, dtype(np.inf))]

    return min(floats, key=lambda f: (abs(Fraction(float(f)) - x), int(f.view(f"i{f.itemsize}")) & 1))


def exact(x: Operands, init: int, epilogue: int) -> Array:
    c = x.c.copy()
    dtype = type(x.eta)
    for i, j in np.ndindex(c.shape):
        acc = {ZERO: dtype(0), BIAS: x.bias[j], KEEP: c[i, j]}[init]
        for k in range(x.a.shape[1]):
            acc = rounded(Fraction(float(x.a[i, k])) * Fraction(float(x.b[k, j])) + Fraction(float(acc)), dtype)
        if epilogue == DESCEND:
            acc = rounded(Fraction(float(c[i, j])) - Fraction(float(x.eta)) * Fraction(float(acc)), dtype)
        elif epilogue == ADD:
            acc = rounded(Fraction(float(c[i, j])) + Fraction(float(acc)), dtype)
        c[i, j] = acc

    return c


def digest() -> str:
    """A hash of products of many shapes: what must be equal on all machines."""
    total = hashlib.sha256()
    for dtype in (np.float32, np.float64):
        for m, n, k in [(1, 1, 1), (1, 150, 30), (2, 70, 9), (4, 2, 2), (7, 31, 12), (13, 33, 5), (30, 47, 64)]:
            for init, epilogue in MODES:
                total.update(multiply(operands(m, n, k, dtype), init, epilogue, packed=m % 2 == 0).tobytes())

    return total.hexdigest()


@dtypes
@modes
def test_each_step_is_rounded_once(dtype: Float, init: int, epilogue: int) -> None:
    x = operands(3, 5, 9, dtype)
    assert same_bits(multiply(x, init, epilogue), exact(x, init, epilogue))


@dtypes
@modes
@pytest.mark.parametrize("packed, gap, transposed", [(True, 0, False), (False, 0, True), (False, 3, False)])
def test_every_shape(dtype: Float, init: int, epilogue: int, packed: bool, gap: int, transposed: bool) -> None:
    for m in range(1, 41):
        for n in range(1, 41):
            x = operands(m, n, 1 + (3 * m + n) % 4, dtype)
            c = multiply(x, init, epilogue, packed=packed, gap=gap, transposed=transposed)
            assert same_bits(c, expected(x, init, epilogue)), (m, n)


@given(
    m=st.integers(1, 40),
    n=st.one_of(st.integers(1, 40), st.integers(1, 300)),
    k=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    mode=st.sampled_from(MODES),
    packed=st.booleans(),
    gap=st.integers(0, 5),
    transposed=st.booleans(),
    prefetch=st.integers(0, 60),
    seed=st.integers(0, 9),
)
@settings(max_examples=400, deadline=None)
def test_any_product(
    m: int, n: int, k: int, dtype: Float, mode: tuple[int, int],
    packed: bool, gap: int, transposed: bool, prefetch: int, seed: int,
) -> None:  # fmt: skip
    x = operands(m, n, k, dtype, seed)
    c = multiply(x, *mode, packed=packed, gap=gap, transposed=transposed, prefetch=prefetch)
    assert same_bits(c, expected(x, *mode))


@given(
    m=st.integers(3, 60),
    n=st.integers(1, 100),
    k=st.integers(1, 40),
    dtype=st.sampled_from([np.float32, np.float64]),
    epilogue=st.sampled_from([STORE, DESCEND, ADD]),
    packed=st.booleans(),
    prefetch=st.integers(0, 9),
)
@settings(max_examples=200, deadline=None)
def test_sums_are_the_product_of_one_more_row_of_ones(
    m: int, n: int, k: int, dtype: Float, epilogue: int, packed: bool, prefetch: int
) -> None:
    x = operands(m - 1, n, k, dtype)
    ones = Operands(np.ones((1, k), dtype), x.b, x.bias[None], x.bias, x.eta)
    b, c, sums = place(x.b, packed), place(x.c, packed), place(ones.c, False, 2)
    a = np.ascontiguousarray(x.a.T)
    call(
        m, n, k, a, 1, m - 1, b.buffer, b.panel, b.row, c.buffer, c.panel, c.row,
        SUMS, sums.buffer, epilogue, x.eta, np.zeros(prefetch, np.int64),
    )  # fmt: skip
    assert c.intact()
    assert sums.intact()
    assert same_bits(c.values, expected(x, ZERO, epilogue))
    assert same_bits(sums.values, expected(ones, ZERO, epilogue))


@dtypes
def test_against_numpy(dtype: Float) -> None:
    x = operands(37, 53, 200, dtype)
    a, b, c = (y.astype(WIDER[dtype]) for y in (x.a, x.b, x.c))
    sums = 200 * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b) + 5)
    assert np.all(np.abs(multiply(x, ZERO, STORE) - a @ b) < sums)
    assert np.all(np.abs(multiply(x, BIAS, STORE) - (a @ b + x.bias)) < sums)
    assert np.all(np.abs(multiply(x, KEEP, STORE) - (c + a @ b)) < sums)
    assert np.all(np.abs(multiply(x, ZERO, DESCEND) - (c - x.eta * (a @ b))) < sums)
    assert np.all(np.abs(multiply(x, ZERO, ADD) - (c + a @ b)) < sums)


@dtypes
@modes
@pytest.mark.parametrize("cut", [1, 5, 12, 20])
def test_rows_may_be_computed_apart(dtype: Float, init: int, epilogue: int, cut: int) -> None:
    x = operands(29, 50, 7, dtype)
    parts = [x._replace(a=x.a[s], c=x.c[s]) for s in (slice(cut), slice(cut, None))]
    assert same_bits(np.vstack([multiply(p, init, epilogue) for p in parts]), multiply(x, init, epilogue))


@dtypes
@pytest.mark.parametrize("rows", [1, 3, 25])
@pytest.mark.parametrize("cut", [1, 10, 16])
def test_a_chain_may_be_continued(dtype: Float, rows: int, cut: int) -> None:
    x = operands(rows, 50, 17, dtype)
    half = x._replace(a=x.a[:, :cut], b=x.b[:cut])
    rest = x._replace(a=x.a[:, cut:], b=x.b[cut:], c=multiply(half, BIAS, STORE))
    assert same_bits(multiply(rest, KEEP, STORE), multiply(x, BIAS, STORE))


@dtypes
def test_the_sign_of_zero_is_kept(dtype: Float) -> None:
    x = operands(2, 3, 1, dtype)
    x = x._replace(a=np.zeros_like(x.a), b=-np.abs(x.b), bias=np.full(3, -0.0, dtype))
    assert np.signbit(multiply(x, BIAS, STORE)).all()  # -0 + 0·(-b) = -0
    assert not np.signbit(multiply(x, ZERO, STORE)).any()


@dtypes
def test_infinity_and_nan_stay_in_their_row_and_column(dtype: Float) -> None:
    x = operands(14, 40, 6, dtype)
    x.a[3, 2], x.b[4, 35] = np.inf, np.nan
    c = multiply(x, ZERO, STORE)
    assert np.isnan(c[:, 35]).all()
    assert np.isinf(np.delete(c[3], 35)).all()
    assert np.isfinite(np.delete(np.delete(c, 3, 0), 35, 1)).all()


@dtypes
@pytest.mark.parametrize("k, n", [(1, 1), (3, 5), (5, 16), (2, 33), (40, 64), (7, 100)])
def test_pack_and_unpack(dtype: Float, k: int, n: int) -> None:
    values = np.random.default_rng(k).normal(size=(k, n)).astype(dtype)
    src, packed, dst = (
        place(values, False, 2),
        place(np.zeros_like(values), True),
        place(np.zeros_like(values), False, 3),
    )
    call_pack(k, n, src.buffer, src.row, packed.buffer)
    assert packed.intact()
    assert same_bits(packed.values, values)

    call_unpack(k, n, packed.buffer, dst.buffer, dst.row)
    assert dst.intact()
    assert same_bits(dst.values, values)


@given(
    k=st.integers(1, 70),
    n=st.integers(1, 70),
    cuts=st.lists(st.integers(0, 70), max_size=3),
    dtype=st.sampled_from([np.float32, np.float64]),
    packed=st.booleans(),
)
@settings(deadline=None)
def test_transpose(k: int, n: int, cuts: list[int], dtype: Float, packed: bool) -> None:
    values = np.random.default_rng(k).normal(size=(k, n)).astype(dtype)
    src, dst = place(values, packed, 1), place(np.zeros((n, k), dtype), True)
    edges = sorted({0, k, *(cut for cut in cuts if cut < k)})
    for k0, k1 in pairwise(edges):
        before = dst.values
        call_transpose(k, n, src.buffer, src.panel, src.row, dst.buffer, k0, k1)
        after = dst.values
        assert same_bits(after[:, k0:k1], np.ascontiguousarray(values.T[:, k0:k1]))
        after[:, k0:k1] = before[:, k0:k1]
        assert same_bits(after, before)
    assert dst.intact()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of x86 processors")
@pytest.mark.parametrize("cpu, features, shape", [("haswell", "+avx,+avx2,+fma", (6, 8)), ("generic", "", (4, 4))])
def test_other_processors_return_the_same_bits(cpu: str, features: str, shape: tuple[int, int], tmp_path: Path) -> None:
    if tile_shape(np.zeros(1)) < shape:
        pytest.skip("this processor lacks the instructions")
    target = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    script = "import numpy, tests.numerics.test_matmul as t; print(*t.tile_shape(numpy.zeros(1)), t.digest())"
    child = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | target,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, panel, theirs = child.stdout.split()
    assert (int(rows), int(panel)) == shape
    assert theirs == digest()


def test_pointers_only() -> None:
    @njit
    def width(x: float) -> int:
        return int(panel_width(x))

    with pytest.raises(TypingError, match="needs a pointer"):
        width(1.0)
