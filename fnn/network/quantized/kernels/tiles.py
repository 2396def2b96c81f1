"""Register tiles of Z = A W for packed weights of 8 or 16 bits, written in LLVM's language.

A tile takes a few rows of A and a few vectors of 16 columns of W, which stay in registers while the inputs run. In a
step it reads four bytes of each row of A, and for each column the weights that they meet:

- int8: four inputs from 0 to 255 and four weights from −128 to 127, whose products are added to 32-bit sums. These are
  exact, so that the instructions and their order are free: VNNI's dot product of four bytes where the processor has it,
  else products of 16 bits, added in pairs.
- bfloat16: one float32 input, and one weight, the upper half of a float32. A sum is one chain of fma in the order of
  the inputs, from the bias on, as in `fnn.numerics.matmul`: the same bits on every processor.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple

from fnn.compiler.target import LINE

LANES: Final = 16  # columns of a vector on every machine: LLVM splits what doesn't fit a register
INT8: Final = "int8"
BFLOAT16: Final = "bfloat16"
UNROLLED: Final = 4  # the steps of int8 are a multiple of it
_AHEAD: Final = 1 << 14  # bytes between reading bfloat16 and prefetching it, for a single row

_FLOATS, _SUMS, _BYTES = f"<{LANES} x float>", f"<{LANES} x i32>", f"<{4 * LANES} x i8>"
_PAIRS, _PRODUCTS = f"<{2 * LANES} x i32>", f"<{4 * LANES} x i32>"
# A tile's arguments: the steps; A and the bytes from row to row; W and the bytes from step to step; Z and the bytes
# from row to row; by column the integers to subtract from int8's sums, the factors to multiply with, and the biases.
_ARGUMENTS: Final = "i64 %k, ptr %a, i64 %a_row, ptr %b, i64 %b_step, ptr %z, i64 %z_row, ptr %less, ptr %by, ptr %bias"


class Shape(NamedTuple):
    """The tiles that fit the registers of a processor."""

    kind: str  # of the weights
    rows: int  # the most rows
    vectors: int  # the most vectors
    single: int  # the most vectors of a single row, which needs more sums side by side to hide the latency of an fma
    vnni: int = 0  # bits of the vectors of VNNI's dot product

    @property
    def totals(self) -> str:
        """LLVM's type of the sums of a vector of columns."""
        return _FLOATS if self.kind == BFLOAT16 else _SUMS if self.vnni else _PAIRS

    @property
    def width(self) -> int:
        """The bytes of the weights that a vector of columns has in a step."""
        return LANES * (2 if self.kind == BFLOAT16 else 4)

    def widest(self, rows: int) -> int:
        """The most vectors of a tile of so many rows."""
        return self.single if rows == 1 else self.vectors

    def unrolled(self, rows: int) -> int:
        """Steps of int8 side by side, each with sums of its own."""
        return {1: UNROLLED, 2: 2}.get(rows, 1) if self.kind == INT8 else 1


def shape_of(kind: str, features: Iterable[str]) -> Shape:
    """The tiles for weights of a kind on a processor with these features."""
    enabled = set(features)
    if "+avx512bw" in enabled:
        is_fast = kind == BFLOAT16 or "+avx512vnni" in enabled
        vectors, single = (4, 8) if kind == BFLOAT16 else (4, 4) if is_fast else (2, 2)
        return Shape(kind, 6 if is_fast else 5, vectors, single, 512 if "+avx512vnni" in enabled else 0)
    if "+avx2" in enabled:
        vnni = 256 if "+avxvnni" in enabled else 0
        return Shape(kind, 3, 2, 4) if kind == BFLOAT16 else Shape(kind, 3, 1 + (vnni > 0), 1 + (vnni > 0), vnni)

    return Shape(kind, 2, 1, 2) if kind == BFLOAT16 else Shape(kind, 1, 1, 1)


def _lanes(numbers: Iterable[int]) -> str:
    chosen = list(numbers)

    return f"<{len(chosen)} x i32> <{', '.join(f'i32 {n}' for n in chosen)}>"


def _repeated(to: str, x: str, kind: str) -> Iterator[str]:
    """A vector of one number."""
    yield f"{to}.0 = insertelement <{LANES} x {kind}> poison, {kind} {x}, i32 0"
    yield f"{to} = shufflevector <{LANES} x {kind}> {to}.0, <{LANES} x {kind}> poison, {_lanes([0] * LANES)}"


def _input(shape: Shape, to: str, p: str) -> Iterator[str]:
    """The four bytes of a row of A at p, for all columns of a vector."""
    if shape.kind == BFLOAT16:
        yield f"{to}.x = load float, ptr {p}, align 4"
        yield from _repeated(to, f"{to}.x", "float")
    elif shape.vnni:
        yield f"{to}.x = load i32, ptr {p}, align 4"
        yield from _repeated(to, f"{to}.x", "i32")
    else:
        yield f"{to}.x = load <4 x i8>, ptr {p}, align 4"
        yield f"{to}.w = zext <4 x i8> {to}.x to <4 x i32>"
        yield f"{to} = shufflevector <4 x i32> {to}.w, <4 x i32> poison, {_lanes(i % 4 for i in range(4 * LANES))}"


def _weights(shape: Shape, to: str, p: str) -> Iterator[str]:
    """The weights of a vector of columns at p."""
    if shape.kind == BFLOAT16:
        yield f"{to}.x = load <{LANES} x i16>, ptr {p}, align 4"
        yield f"{to}.w = zext <{LANES} x i16> {to}.x to {_SUMS}"
        yield f"{to}.b = shl {_SUMS} {to}.w, splat (i32 16)"
        yield f"{to} = bitcast {_SUMS} {to}.b to {_FLOATS}"
    elif shape.vnni:
        yield f"{to} = load {_SUMS}, ptr {p}, align 4"
    else:
        yield f"{to}.x = load {_BYTES}, ptr {p}, align 4"
        yield f"{to} = sext {_BYTES} {to}.x to {_PRODUCTS}"


def _longer(shape: Shape, to: str, total: str, a: str, b: str) -> Iterator[str]:
    """The sums after one more step."""
    if shape.kind == BFLOAT16:
        yield f"{to} = call {_FLOATS} @llvm.fma.v{LANES}f32({_FLOATS} {a}, {_FLOATS} {b}, {_FLOATS} {total})"
    elif shape.vnni == 512:
        yield f"{to} = call {_SUMS} @llvm.x86.avx512.vpdpbusd.512({_SUMS} {total}, {_SUMS} {a}, {_SUMS} {b})"
    elif shape.vnni:
        half, whole = f"<{LANES // 2} x i32>", range(LANES)
        for i, part in enumerate((whole[: LANES // 2], whole[LANES // 2 :])):
            for name, x in (("t", total), ("a", a), ("b", b)):
                yield f"{to}.{name}{i} = shufflevector {_SUMS} {x}, {_SUMS} poison, {_lanes(part)}"
            parts = ", ".join(f"{half} {to}.{name}{i}" for name in "tab")
            yield f"{to}.s{i} = call {half} @llvm.x86.avx512.vpdpbusd.256({parts})"
        yield f"{to} = shufflevector {half} {to}.s0, {half} {to}.s1, {_lanes(whole)}"
    else:
        yield f"{to}.p = mul {_PRODUCTS} {a}, {b}"
        for name, first in (("even", 0), ("odd", 1)):
            chosen = _lanes(range(first, 4 * LANES, 2))
            yield f"{to}.{name} = shufflevector {_PRODUCTS} {to}.p, {_PRODUCTS} poison, {chosen}"
        yield f"{to}.s = add {_PAIRS} {to}.even, {to}.odd"
        yield f"{to} = add {_PAIRS} {to}.s, {total}"


class _Tile(NamedTuple):
    """One tile; its parts are the lines of a function."""

    shape: Shape
    rows: int
    vectors: int

    def lines(self, name: str) -> Iterator[str]:
        """The function."""
        yield f"define internal void @{name}({_ARGUMENTS}) nounwind {{"
        yield "entry:"
        if self.shape.kind == BFLOAT16:
            yield from self._columns("bias")
        yield from (f"%a.{r}.row = mul i64 %a_row, {r}" for r in range(self.rows))
        yield "br label %loop"
        yield "loop:"
        yield from self._loop()
        yield "%more = icmp sgt i64 %left.next, 0"
        yield "br i1 %more, label %loop, label %done"
        yield "done:"
        if self.shape.kind == INT8:
            yield from self._columns("less", "by", "bias")
        for r, v in product(range(self.rows), range(self.vectors)):
            z = f"%z.{r}.{v}"
            yield from self._z_of(z, r, v)
            yield f"{z}.row = mul i64 %z_row, {r}"
            yield f"{z}.r = getelementptr i8, ptr %z, i64 {z}.row"
            yield f"{z}.p = getelementptr i8, ptr {z}.r, i64 {4 * LANES * v}"
            yield f"store {_FLOATS} {z}, ptr {z}.p, align 4"
        yield "ret void"
        yield "}"

    def _columns(self, *pointers: str) -> Iterator[str]:
        """What belongs to the columns."""
        for pointer, v in product(pointers, range(self.vectors)):
            yield f"%{pointer}.{v}.p = getelementptr i8, ptr %{pointer}, i64 {4 * LANES * v}"
            yield f"%{pointer}.{v} = load {_SUMS if pointer == 'less' else _FLOATS}, ptr %{pointer}.{v}.p, align 4"

    def _loop(self) -> Iterator[str]:
        """The loop over steps."""
        unrolled = self.shape.unrolled(self.rows)
        yield "%left = phi i64 [ %k, %entry ], [ %left.next, %loop ]"
        yield "%ak = phi ptr [ %a, %entry ], [ %ak.next, %loop ]"
        yield "%bk = phi ptr [ %b, %entry ], [ %bk.next, %loop ]"
        for u, r, v in product(range(unrolled), range(self.rows), range(self.vectors)):
            first = f"%bias.{v}" if self.shape.kind == BFLOAT16 else "zeroinitializer"
            yield f"%total.{u}.{r}.{v} = phi {self.shape.totals} [ {first}, %entry ], [ %sum.{u}.{r}.{v}, %loop ]"
        if self.rows == 1 and self.shape.kind == BFLOAT16:
            for line in range(0, self.vectors * self.shape.width, LINE):
                yield f"%next.{line} = getelementptr i8, ptr %bk, i64 {_AHEAD + line}"
                yield f"call void @llvm.prefetch.p0(ptr %next.{line}, i32 0, i32 3, i32 1)"
        for u in range(unrolled):
            yield from self._step(u)
        yield f"%ak.next = getelementptr i8, ptr %ak, i64 {4 * unrolled}"
        yield f"%b.steps = mul i64 %b_step, {unrolled}"
        yield "%bk.next = getelementptr i8, ptr %bk, i64 %b.steps"
        yield f"%left.next = sub i64 %left, {unrolled}"

    def _step(self, u: int) -> Iterator[str]:
        """One of the steps side by side."""
        yield f"%b.{u}.step = mul i64 %b_step, {u}"
        yield f"%b.{u}.p = getelementptr i8, ptr %bk, i64 %b.{u}.step"
        yield f"%a.{u}.p = getelementptr i8, ptr %ak, i64 {4 * u}"
        for v in range(self.vectors):
            yield f"%b.{u}.{v}.p = getelementptr i8, ptr %b.{u}.p, i64 {self.shape.width * v}"
            yield from _weights(self.shape, f"%b.{u}.{v}", f"%b.{u}.{v}.p")
        for r in range(self.rows):
            yield f"%a.{u}.{r}.p = getelementptr i8, ptr %a.{u}.p, i64 %a.{r}.row"
            yield from _input(self.shape, f"%a.{u}.{r}", f"%a.{u}.{r}.p")
            for v in range(self.vectors):
                at = f"{u}.{r}.{v}"
                yield from _longer(self.shape, f"%sum.{at}", f"%total.{at}", f"%a.{u}.{r}", f"%b.{u}.{v}")

    def _z_of(self, z: str, r: int, v: int) -> Iterator[str]:
        """The weighted inputs of a row and a vector of columns, from the sums of all steps side by side."""
        total, kind = f"%sum.0.{r}.{v}", self.shape.totals
        for u in range(1, self.shape.unrolled(self.rows)):
            yield f"{z}.t{u} = add {kind} {total}, %sum.{u}.{r}.{v}"
            total = f"{z}.t{u}"
        if kind == _FLOATS:
            yield f"{z} = bitcast {_FLOATS} {total} to {_FLOATS}"
            return
        if kind == _PAIRS:
            for name, first in (("even", 0), ("odd", 1)):
                chosen = _lanes(range(first, 2 * LANES, 2))
                yield f"{z}.{name} = shufflevector {_PAIRS} {total}, {_PAIRS} poison, {chosen}"
            yield f"{z}.t = add {_SUMS} {z}.even, {z}.odd"
            total = f"{z}.t"
        yield f"{z}.d = sub {_SUMS} {total}, %less.{v}"
        yield f"{z}.f = sitofp {_SUMS} {z}.d to {_FLOATS}"
        yield f"{z} = call {_FLOATS} @llvm.fma.v{LANES}f32({_FLOATS} {z}.f, {_FLOATS} %by.{v}, {_FLOATS} %bias.{v})"


def tiles_module(table: str, shape: Shape) -> Iterator[str]:
    """The lines of all tiles, and of the table of their addresses by rows and vectors."""
    yield f"declare {_FLOATS} @llvm.fma.v{LANES}f32({_FLOATS}, {_FLOATS}, {_FLOATS})"
    if shape.vnni:
        vector = f"<{shape.vnni // 32} x i32>"
        yield f"declare {vector} @llvm.x86.avx512.vpdpbusd.{shape.vnni}({vector}, {vector}, {vector})"
    yield "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
    addresses = []
    for rows in range(1, shape.rows + 1):
        for vectors in range(1, shape.single + 1):
            name = f"tile.{shape.kind}.{rows}x{vectors}"
            exists = vectors <= shape.widest(rows)
            addresses.append(f"ptr @{name}" if exists else "ptr null")
            if exists:
                yield from _Tile(shape, rows, vectors).lines(name)
    yield f"@{table} = weak_odr constant [{len(addresses)} x ptr] [{', '.join(addresses)}]"
