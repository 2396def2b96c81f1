"""`ShardedEvaluator`: error and accuracy on cases that the ranks share, summed by shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective
from fnn.network.params import DT, Params
from fnn.training.evaluator import Evaluator, Measures
from fnn.training.ranks.sharding import Sharding, by_shards, tree_sum


class ShardedEvaluator(Evaluator[DT]):
    """Measures what `Evaluator` does, with the same bits for any number of ranks, in all of them.

    `bounds` are the first cases of this rank's shards, and the number of its cases.
    """

    def __init__(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, threads: int | None, sharding: Sharding,
        bounds: Sequence[int],
    ) -> None:  # fmt: skip
        super().__init__(params, batch, objective, threads)
        self._team, self._bounds = sharding.team, bounds
        self._weight = sharding.weight(batch, bounds)
        shared = self._team.gather((batch.number, self.has_accuracy))
        self._number = sum(number for number, _ in shared)
        self.has_accuracy = all(has_accuracy for _, has_accuracy in shared)
        if self.held_out is not None:
            self.held_out = self.held_out + sharding.rows(sharding.all_cases).start  # among the cases of all ranks

    def measure(self, flat: NDArray[DT], is_interrupted: Callable[[], bool] = lambda: False) -> Measures:
        """The error per case and the accuracy; the error is NaN once interrupted, on any rank."""
        right = self._measure_cases(flat, False, is_interrupted)
        shared = self._team.gather((right, by_shards(self._errors, self._bounds)))
        if any(right is None for right, _ in shared):
            return np.nan, None
        error = tree_sum([e for _, errors in shared for e in errors]) / self._weight
        accuracy = sum(right or 0 for right, _ in shared) / self._number

        return error, accuracy if self.has_accuracy else None
