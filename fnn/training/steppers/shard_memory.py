"""`ShardMemory`: the memory in which kernels sum shards, and the exchange with other ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.target import float_type, machine_of
from fnn.data.rows import CaseArrays, address_of
from fnn.network.kernels.plan import CHAIN
from fnn.network.layout import cache_aligned
from fnn.network.params import DT, Params
from fnn.training.kernels.sharded.leaves import DEPTH, LEAF
from fnn.training.kernels.sharded.shards import (
    GAUSS_NEWTON,
    MATRICES,
    MATRIX_EXCHANGE,
    MATRIX_SIZE,
    OBJECTIVE,
    UNIT,
    WORDS,
)
from fnn.training.kernels.sharded.tree_sum import SCALARS, TILES
from fnn.training.kernels.solvers.sharded_objective import SHARDED_OBJECTIVE
from fnn.training.ranks.sharding import Sharding
from fnn.training.ranks.tree import TAIL, TreeSum


class ShardMemory:
    """The memory of a run for sums of as many numbers as a vector has, most of which is never touched.

    Parameters
    ----------
    stride
        The elements of a vector, in whole cache lines.
    batch_size
        The cases of a batch, of all shards.
    fits
        Whether the workspace holds what this rank has of a batch.
    """

    def __init__(self, sharding: Sharding, dtype: np.dtype[Any], stride: int, batch_size: int, fits: bool) -> None:
        self._sharding, self._dtype = sharding, dtype
        self.words: NDArray[np.int64] = np.zeros(WORDS, np.int64)
        own, of_shard = sharding.last - sharding.first, -(-batch_size // sharding.shards)
        more = 0 if fits else 2 * own.bit_length() + (of_shard // CHAIN).bit_length()  # subtrees from chunk to chunk
        self._nodes, self.sum = self._new_nodes(stride, more)
        self._partial = np.zeros((DEPTH, SCALARS))
        self._drawn = np.empty(sharding.bounds(sharding.number)[-1], np.int64)
        self._leaves_size = DEPTH + LEAF * own * (of_shard // CHAIN + 2)
        shape = machine_of(dtype)
        self._scratch_size = DEPTH * TILES * shape.rows * 2 * shape.lanes
        self._matrices: NDArray[Any] = np.empty((0, 0), dtype)
        self._matrix_sum: TreeSum | None = None
        self._threads = 0
        self.prepare(1)

    def _new_nodes(self, count: int, more: int) -> tuple[NDArray[Any], TreeSum | None]:
        """Rows of numbers with room for scalars: those of this rank's nodes, and more."""
        s = self._sharding
        size = count + TAIL // self._dtype.itemsize
        nodes = cache_aligned((s.nodes + more) * size, self._dtype).reshape(-1, size)
        nodes[0] = 0  # the padding of vectors, too
        if s.team.size == 1:
            return nodes, None

        return nodes, TreeSum(s.team, s.shards, nodes[: s.nodes].view(np.uint8), self._dtype, count)

    def prepare(self, threads: int) -> None:
        """Make what a call by as many threads needs."""
        if threads <= self._threads:
            return
        self._threads, s = threads, self._sharding
        self._leaves = np.empty((threads, self._leaves_size), np.int64)
        self._scratch = cache_aligned(threads * self._scratch_size, self._dtype)
        self.words[:OBJECTIVE] = [
            s.number, s.shards, s.first, s.last, address_of(self._drawn), address_of(self._leaves), self._leaves_size,
            address_of(self._nodes), self._nodes.shape[1], address_of(self._scratch), self._scratch_size,
            address_of(self._partial), 0 if self.sum is None else self.sum.address,
        ]  # fmt: skip

    def prepare_objective(self, code: int, weight: float) -> None:
        """Let solvers sum the objective by the code at an address; all cases have this weight."""
        self.words[OBJECTIVE] = code
        self.words[UNIT : UNIT + 1].view(np.float64)[0] = 1.0 / weight

    def prepare_matrix(self, code: int, rows: int, stride: int) -> NDArray[Any]:
        """Let Levenberg–Marquardt sum G by the code at an address; returns its memory."""
        s = self._sharding
        self._matrices, self._matrix_sum = self._new_nodes(rows * stride, s.levels - s.nodes)
        self.words[GAUSS_NEWTON] = code
        self.words[MATRICES], self.words[MATRIX_SIZE] = address_of(self._matrices), self._matrices.shape[1]
        self.words[MATRIX_EXCHANGE] = 0 if self._matrix_sum is None else self._matrix_sum.address
        matrix: NDArray[Any] = self._matrices[0, : rows * stride].reshape(rows, stride)

        return matrix


def solver_memory(sharding: Sharding, params: Params[DT], batch: CaseArrays[DT], capacity: int) -> ShardMemory:
    """The memory of a solver, whose workspace has room for `capacity` cases."""
    dtype, number = params.dtype, sharding.number
    stride = params.architecture.layout(dtype, 1).stride
    memory = ShardMemory(sharding, dtype, stride, number, batch.number <= capacity)
    weight = sharding.weight(batch, sharding.bounds(number))
    memory.prepare_objective(SHARDED_OBJECTIVE.address(float_type(dtype)), weight)

    return memory
