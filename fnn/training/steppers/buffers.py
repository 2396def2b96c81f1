"""`Buffers`: the memory of a run, in which the kernels keep weights, the optimizer's vectors and their workspace."""

from __future__ import annotations

from typing import Generic

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.target import LINE, float_type, lanes_of
from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective
from fnn.network.kernels.narrow_plan import is_narrow
from fnn.network.kernels.plan import CHAIN
from fnn.network.layout import Layout, cache_aligned
from fnn.network.params import DT, Params
from fnn.optimizers.kernels.abi import CASES_PHASE, DESCRIPTOR_SIZE, MASK, MASKED, ROWS_PHASE
from fnn.optimizers.library import gradient_descent
from fnn.optimizers.optimizer import Optimizer
from fnn.training.kernels.descend import CAPACITY, pack_kernel
from fnn.training.kernels.dropout import DROPOUT_PHASE
from fnn.training.kernels.narrow.equations import OUTPUTS_BY_CASES
from fnn.training.kernels.phases import OPTIMIZER_PHASE
from fnn.training.kernels.regularized_phase import REGULARIZED_PHASE


class Buffers(Generic[DT]):
    """Arrays in the layout of training, of which `pack` and `unpack` know the way to and from that of `Params`."""

    def __init__(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, optimizer: Optimizer, batch_size: int,
        *, allows_narrow: bool = True,
    ) -> None:  # fmt: skip
        self._dtype, self._count = params.dtype, params.flat_buffer.size
        regularization = objective.regularization
        modifies_weights = regularization.modifies_weights or optimizer.modifies_weights
        plain = isinstance(optimizer, gradient_descent) and not (modifies_weights or optimizer.weight_decay)
        self.is_narrow = (
            allows_narrow and plain and not any(regularization.dropped) and batch.sources is None
            and is_narrow(params.sizes, batch_size, lanes_of(self._dtype))
        )  # fmt: skip
        self.capacity = min(batch_size, CAPACITY)  # cases in the workspace
        self.layout = self._layout(params, objective, batch_size)
        stride, t = self.layout.stride, float_type(self._dtype)
        self.space = np.zeros(self.layout.whole, self._dtype)
        self.weights = cache_aligned(self.layout.weights, self._dtype)
        self.gradient = np.zeros(LINE if plain and batch_size <= CHAIN else stride, self._dtype)
        descriptor = np.zeros(DESCRIPTOR_SIZE, np.int64) if plain else optimizer.descriptor(self._dtype, stride)
        if not plain:
            descriptor[ROWS_PHASE] = (REGULARIZED_PHASE if modifies_weights else OPTIMIZER_PHASE).address(t)
        if any(regularization.dropped):
            descriptor[CASES_PHASE] = DROPOUT_PHASE.address(t)
        vectors, others = optimizer.rule.states, []
        if modifies_weights:
            descriptor[MASK], descriptor[MASKED] = vectors, regularization.mask is not None
            mask = np.ones(self._count) if regularization.mask is None else regularization.mask
            others = [mask.astype(self._dtype), np.zeros(self._count, self._dtype)]  # the second: to sum in
        self.descriptor = np.concatenate([descriptor, np.array(regularization.dropped, np.int64)])
        rows = vectors + len(others)
        self.state = cache_aligned(rows * stride, self._dtype).reshape(rows, stride)
        self.vectors = self.state[:vectors]  # the optimizer's
        self.weights[:], self.state[:] = 0, 0
        for vector, packed in zip(others, self.state[vectors:], strict=True):
            self.pack(vector, packed)

    def _layout(self, params: Params[DT], objective: Objective, batch_size: int) -> Layout:
        """Where the kernels find everything."""
        architecture, code = params.architecture, 0
        if not self.is_narrow:
            return architecture.layout(self._dtype, self.capacity, packed=True)
        if objective.loss.kernel is not None or params.activations[-1].is_rowwise:
            code = OUTPUTS_BY_CASES.address(float_type(self._dtype))

        return architecture.narrow_layout(self._dtype, batch_size, code)

    def pack(self, flat: NDArray[DT], packed: NDArray[DT]) -> None:
        """Bring a vector into the layout of training; if it is the weights, make the workspace ready for them."""
        if self.is_narrow:
            packed[:] = flat
            return
        space = self.space if packed is self.weights else self.space[:0]
        writable = flat.copy()  # as the kernel's type demands, which writes to it in `unpack`
        pack_kernel[self._dtype](self.layout.table, writable, packed, space, True)

    def unpack(self, packed: NDArray[DT], flat: NDArray[DT]) -> NDArray[DT]:
        """Bring a vector back from the layout of training; it is returned."""
        if self.is_narrow:
            flat[:] = packed
        else:
            pack_kernel[self._dtype](self.layout.table, flat, packed, self.space[:0], False)

        return flat
