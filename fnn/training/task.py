"""`Task`: the arguments of a run of `train`, checked."""

from __future__ import annotations

from itertools import pairwise
from typing import Generic, NamedTuple

import numpy as np

from fnn.data.batch_stream import BatchStream
from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective
from fnn.network.params import DT, Params
from fnn.optimizers.optimizer import Optimizer, OptimizerState
from fnn.training.callbacks import Callbacks
from fnn.training.checkpoint import Checkpoint
from fnn.training.stopping import Stopper


class Task(NamedTuple, Generic[DT]):
    """A run whose arguments are checked; it takes memory when it begins."""

    params: Params[DT]
    cases: CaseArrays[DT] | BatchStream[DT]
    held_out: CaseArrays[DT] | None
    objective: Objective
    optimizer: Optimizer
    batch_size: int  # 0 for a stream, whose batches have their own sizes
    seed: int
    scale: float  # of the inputs, as in `Cases`
    epochs: int
    state: OptimizerState[DT] | None
    stopper: Stopper[DT]
    checkpoint: Checkpoint | None
    callbacks: Callbacks[DT]
    threads: int | None  # at most

    def work(self, batch_size: int) -> float:
        """Operations of a step on a batch of this size: three products a layer, but no B4 in the first."""
        sizes = self.params.sizes
        products = 3 * sum(m * n for m, n in pairwise(sizes)) - sizes[0] * sizes[1]

        return 2.0 * batch_size * products * (2 if self.params.dtype == np.float64 else 1)

    @property
    def steps(self) -> int:
        """Steps of the whole run; 0 for a stream, whose length is unknown."""
        return 0 if isinstance(self.cases, BatchStream) else self.epochs * -(-self.cases.number // self.batch_size)
