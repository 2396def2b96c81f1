"""The register tile: a block of C = A B that stays in vector registers while k runs.

Numba has no vector type, so the tiles are written in LLVM's language, one function for each height R and width V (in
vectors), all from one text. Each element is one chain acc = fma(A[i,k], B[k,j], acc), k = 0, 1, 2, .. in order; the
speed comes from R·V vectors of such chains side by side, so the bits depend neither on the tile nor on the machine.
"""

from collections.abc import Iterator
from typing import Final

from fnn.compiler.target import Machine

ZERO: Final = 0  # a chain starts from 0,
BIAS: Final = 1  # from bias[j],
KEEP: Final = 2  # or from C[i,j]: it continues the chain of an earlier call;
# or from 0, and the last row of A is of ones, that of C, Σ_k B[k,j], at `bias`; for m ≥ 3, in the memory of m − 1 rows.
SUMS: Final = 3

STORE: Final = 0  # C = acc
DESCEND: Final = 1  # C = fma(-eta, acc, C): one step of gradient descent
ADD: Final = 2  # C = acc + C

WIDEST: Final = 8
_LONG: Final = 32  # iterations from which on it pays to prefetch C


def widest(rows: int) -> int:
    """Vectors of the widest tile: the latency of an fma takes 8 chains to hide, so few rows need more columns."""
    return {1: WIDEST, 2: 4}.get(rows, 2)


# A tile's arguments: how many blocks lie one below the other, those of `matmul` with columns for n, what to prefetch.
_ARGUMENTS: Final = {
    "blocks": "i64", "k": "i64", "a": "ptr", "a_row": "i64", "a_col": "i64",
    "b": "ptr", "b_panel": "i64", "b_row": "i64", "c": "ptr", "c_panel": "i64", "c_row": "i64",
    "init": "i64", "bias": "ptr", "epilogue": "i64", "eta": "element", "columns": "i64",
    "prefetch": "ptr", "prefetch_step": "i64",
}  # fmt: skip


def _tile(name: str, one: str, shape: Machine, rows: int, vectors: int, masked: bool) -> Iterator[str]:
    """The lines of one tile, from block to block; if masked, its last vector may have fewer columns."""
    element, itemsize, lanes, _, _ = shape
    vector, suffix, bits = f"<{lanes} x {element}>", f"v{lanes}f{8 * itemsize}", f"<{lanes} x i1>"
    block = [(r, v) for r in range(rows) for v in range(vectors)]

    def splat(x: str, kind: str, to: str) -> Iterator[str]:
        lane_0 = f"<{lanes} x {kind}> {to}.0, <{lanes} x {kind}> poison, <{lanes} x i32> zeroinitializer"
        yield f"{to}.0 = insertelement <{lanes} x {kind}> poison, {kind} {x}, i32 0"
        yield f"{to} = shufflevector {lane_0}"

    def addresses(matrix: str, row: str, panel: str, count: int, prefix: str = "", last: str = "") -> Iterator[str]:
        to = f"%{prefix}{matrix}"
        for v in range(vectors):
            yield f"{to}.{v}.panel = mul i64 {panel}, {v // 2}"
            yield f"{to}.{v} = add i64 {to}.{v}.panel, {v % 2 * lanes}"
        yield f"{to}.0.row = getelementptr {element}, ptr %{matrix}, i64 0"
        for r in range(1, count):
            own = last if r == count - 1 else ""
            yield f"{to}.{r}.row{own and '.of_c'} = getelementptr {element}, ptr {to}.{r - 1}.row, i64 {row}"
            if own:
                yield f"{to}.{r}.row = select i1 %sums, ptr {own}, ptr {to}.{r}.row.of_c"
        for r in range(count):
            for v in range(vectors):
                yield f"{to}.{r}.{v} = getelementptr {element}, ptr {to}.{r}.row, i64 {to}.{v}"

    def load(p: str, v: int, to: str) -> str:
        if masked and v == vectors - 1:
            arguments = f"ptr {p}, i32 {itemsize}, {bits} %mask, {vector} zeroinitializer"
            return f"{to} = call {vector} @llvm.masked.load.{suffix}.p0({arguments})"
        return f"{to} = load {vector}, ptr {p}, align {itemsize}"

    def store(x: str, p: str, v: int) -> str:
        if masked and v == vectors - 1:
            arguments = f"{vector} {x}, ptr {p}, i32 {itemsize}, {bits} %mask"
            return f"call void @llvm.masked.store.{suffix}.p0({arguments})"
        return f"store {vector} {x}, ptr {p}, align {itemsize}"

    def fma(x: str, y: str, z: str, to: str) -> str:
        return f"{to} = call {vector} @llvm.fma.{suffix}({vector} {x}, {vector} {y}, {vector} {z})"

    arguments = ", ".join(f"{kind} %{argument}" for argument, kind in _ARGUMENTS.items())
    yield f"define internal void @{name}({arguments}) nounwind {{".replace("element", element)
    yield "entry:"
    yield f"%descend = icmp eq i64 %epilogue, {DESCEND}"
    if masked:
        yield "%columns.32 = trunc i64 %columns to i32"
        yield f"%columns.last = sub i32 %columns.32, {(vectors - 1) * lanes}"
        yield from splat("%columns.last", "i32", "%limit")
        yield f"%mask = icmp slt <{lanes} x i32> <{', '.join(f'i32 {lane}' for lane in range(lanes))}>, %limit"
    yield f"%minus_eta = fneg {element} %eta"
    yield f"%factor = select i1 %descend, {element} %minus_eta, {element} 1.0"
    yield f"%is_long = icmp sge i64 %k, {_LONG}"
    yield f"%a_row.bytes = mul i64 %a_row, {itemsize}"
    yield f"%sums = icmp eq i64 %init, {SUMS}"
    yield "%last_col = select i1 %sums, i64 0, i64 %a_col"
    for r in range(1, rows - 1, 2):
        # Hidden from LLVM, or it would step from row to row by a chain of additions as long as the sums take.
        yield f"%a_row.{r}.0 = mul i64 %a_row.bytes, {r}"
        yield f'%a_row.{r} = call i64 asm "", "=r,0"(i64 %a_row.{r}.0)'
    yield "br label %block"

    yield "block:"
    yield "%blocks.left = phi i64 [ %blocks, %entry ], [ %blocks.next, %next ]"
    yield "%a.block = phi ptr [ %a, %entry ], [ %a.next, %next ]"
    yield "%c.block = phi ptr [ %c, %entry ], [ %c.next, %next ]"
    yield "%prefetch.block = phi ptr [ %prefetch, %entry ], [ %prefetch.next, %next ]"
    yield f"%last.row = mul i64 %a_row.bytes, {rows - 1}"
    yield "%last.of_a = getelementptr i8, ptr %a.block, i64 %last.row"
    yield f"%last.block = select i1 %sums, ptr @{one}, ptr %last.of_a"
    # The code is read anew for each block, or LLVM would write the loop over blocks once for each value.
    yield '%init.now = call i64 asm sideeffect "", "=r,0"(i64 %init)'
    yield f"switch i64 %init.now, label %begin [ i64 {BIAS}, label %biases i64 {KEEP}, label %read ]"
    yield "biases:"
    yield from addresses("bias", "0", f"{2 * lanes}", 1)
    for v in range(vectors):
        yield load(f"%bias.0.{v}", v, f"%first.{v}")
    yield "br label %begin"
    yield "read:"
    yield from addresses("c.block", "%c_row", "%c_panel", rows, "read.")
    for r, v in block:
        yield load(f"%read.c.block.{r}.{v}", v, f"%read.{r}.{v}")
    yield "br label %begin"
    yield "begin:"
    for r, v in block:
        starts = f"[ zeroinitializer, %block ], [ %first.{v}, %biases ], [ %read.{r}.{v}, %read ]"
        yield f"%init.{r}.{v} = phi {vector} {starts}"
    yield "br i1 %is_long, label %fetch, label %loop"
    yield "fetch:"
    yield from addresses("c.block", "%c_row", "%c_panel", rows)
    for r, v in block:
        yield f"call void @llvm.prefetch.p0(ptr %c.block.{r}.{v}, i32 1, i32 3, i32 1)"  # to be written in the end
    yield "br label %loop"

    yield "loop:"
    yield "%prefetch.k = phi ptr [ %prefetch.block, %begin ], [ %prefetch.block, %fetch ], [ %prefetch.next, %loop ]"
    yield "%left = phi i64 [ %k, %begin ], [ %k, %fetch ], [ %left.next, %loop ]"
    yield "%ak = phi ptr [ %a.block, %begin ], [ %a.block, %fetch ], [ %ak.next, %loop ]"
    yield "%bk = phi ptr [ %b, %begin ], [ %b, %fetch ], [ %bk.next, %loop ]"
    yield "%last = phi ptr [ %last.block, %begin ], [ %last.block, %fetch ], [ %last.next, %loop ]"
    for r, v in block:
        begun = f"%init.{r}.{v}"
        yield f"%acc.{r}.{v} = phi {vector} [ {begun}, %begin ], [ {begun}, %fetch ], [ %sum.{r}.{v}, %loop ]"
    # A line an iteration: in a burst they would stall the processor, which has some twenty in flight at most.
    yield "call void @llvm.prefetch.p0(ptr %prefetch.k, i32 0, i32 2, i32 1)"
    yield "%prefetch.next = getelementptr i8, ptr %prefetch.k, i64 %prefetch_step"
    yield from addresses("bk", "0", "%b_panel", 1)
    for v in range(vectors):
        yield load(f"%bk.0.{v}", v, f"%b.{v}")
    for r in range(rows):
        power = r & -r  # of two: an address may hold an odd multiple of the stride times 1, 2, 4 or 8
        if r < rows - 1:
            yield f"%a.{r}.r = mul i64 {f'%a_row.{r // power}' if r else 0}, {power}"
            yield f"%a.{r}.p = getelementptr i8, ptr %ak, i64 %a.{r}.r"
        yield f"%a.{r}.x = load {element}, ptr {f'%a.{r}.p' if r < rows - 1 else '%last'}"
        yield from splat(f"%a.{r}.x", element, f"%a.{r}")
        for v in range(vectors):
            yield fma(f"%a.{r}", f"%b.{v}", f"%acc.{r}.{v}", f"%sum.{r}.{v}")
    yield f"%ak.next = getelementptr {element}, ptr %ak, i64 %a_col"
    yield f"%last.next = getelementptr {element}, ptr %last, i64 %last_col"
    yield f"%bk.next = getelementptr {element}, ptr %bk, i64 %b_row"
    yield "%left.next = sub i64 %left, 1"
    yield "%more = icmp sgt i64 %left.next, 0"
    yield "br i1 %more, label %loop, label %done"

    yield "done:"
    # Hidden from LLVM, or it would keep the addresses of all rows in memory while the sums take the registers.
    yield '%c.now = call ptr asm sideeffect "", "=r,0"(ptr %c.block)'
    yield from addresses("c.now", "%c_row", "%c_panel", rows, last="%bias")
    yield '%epilogue.now = call i64 asm sideeffect "", "=r,0"(i64 %epilogue)'
    yield f"%stores = icmp eq i64 %epilogue.now, {STORE}"
    yield "br i1 %stores, label %store, label %update"
    yield "update:"
    yield from splat("%factor", element, "%scale")
    for r, v in block:
        yield load(f"%c.now.{r}.{v}", v, f"%old.{r}.{v}")
        yield fma("%scale", f"%sum.{r}.{v}", f"%old.{r}.{v}", f"%updated.{r}.{v}")
    yield "br label %store"
    yield "store:"
    for r, v in block:
        yield f"%new.{r}.{v} = phi {vector} [ %sum.{r}.{v}, %done ], [ %updated.{r}.{v}, %update ]"
    for r, v in block:
        if v < vectors - 1 or not masked:
            yield store(f"%new.{r}.{v}", f"%c.now.{r}.{v}", v)
    if masked:
        # A masked store isn't forwarded to a load that follows soon: 5 ns in a small network, each time.
        yield '%columns.now = call i32 asm sideeffect "", "=r,0"(i32 %columns.last)'
        yield f"%full = icmp sge i32 %columns.now, {lanes}"
        yield "br i1 %full, label %whole, label %part"
        yield "whole:"
        for r in range(rows):
            yield f"store {vector} %new.{r}.{vectors - 1}, ptr %c.now.{r}.{vectors - 1}, align {itemsize}"
        yield "br label %next"
        yield "part:"
        for r in range(rows):
            yield store(f"%new.{r}.{vectors - 1}", f"%c.now.{r}.{vectors - 1}", vectors - 1)
    yield "br label %next"

    yield "next:"
    for matrix in "ac":
        yield f"%{matrix}.height = mul i64 %{matrix}_row, {rows}"
        yield f"%{matrix}.next = getelementptr {element}, ptr %{matrix}.block, i64 %{matrix}.height"
    yield "%blocks.next = sub i64 %blocks.left, 1"
    yield "%below = icmp sgt i64 %blocks.next, 0"
    yield "br i1 %below, label %block, label %end"
    yield "end:"
    yield "ret void"
    yield "}"


def tiles_module(table: str, shape: Machine) -> Iterator[str]:
    """The lines of all tiles, and of the table of their addresses by rows and vectors, and by masked if that varies."""
    element, itemsize, lanes, rows, masks = shape
    vector, suffix, bits = f"<{lanes} x {element}>", f"v{lanes}f{8 * itemsize}", f"<{lanes} x i1>"
    yield f"declare {vector} @llvm.fma.{suffix}({vector}, {vector}, {vector})"
    yield f"declare {vector} @llvm.masked.load.{suffix}.p0(ptr, i32, {bits}, {vector})"
    yield f"declare void @llvm.masked.store.{suffix}.p0({vector}, ptr, i32, {bits})"
    yield "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
    one = f"{table}.one"
    yield f"@{one} = internal constant {element} 1.0"
    addresses = []
    for masked in [True] if masks else [False, True]:
        for r in range(1, rows + 1):
            for v in range(1, WIDEST + 1):
                name = f"tile.{r}x{v}{'.masked' if masked else ''}"
                addresses.append(f"ptr @{name}" if v <= widest(r) else "ptr null")
                if v <= widest(r):
                    yield from _tile(name, one, shape, r, v, masked)
    yield f"@{table} = weak_odr constant [{len(addresses)} x ptr] [{', '.join(addresses)}]"
