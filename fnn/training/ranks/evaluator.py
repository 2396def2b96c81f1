"""`ShardedEvaluator`: error and accuracy on cases that the ranks share, summed by shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fnn.data.rows import CaseArrays
from fnn.equations.objective import Objective
from fnn.network.params import DT, Params
from fnn.training.evaluator import Evaluator, Measures
from fnn.training.ranks.team import Team


class ShardedEvaluator(Evaluator[DT]):
    """Measures what `Evaluator` does, with the same bits for any number of ranks, in all of them.

    `bounds` are the first cases of this rank's shards, and the number of its cases.
    """

    def __init__(
        self, params: Params[DT], batch: CaseArrays[DT], objective: Objective, threads: int | None, team: Team,
        bounds: Sequence[int], offset: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(params, batch, objective, threads)
        self._team, self._bounds = team, bounds
        weights = batch.weights[batch.chosen] if batch.chosen.size and batch.weights.size else batch.weights
        mine = self._by_shards(weights if weights.size else np.ones(batch.number))
        shared = team.gather((mine, batch.number, self.has_accuracy))
        self._weight = tree_sum([w for weights, _, _ in shared for w in weights])
        self._number = sum(number for _, number, _ in shared)
        self.has_accuracy = all(has_accuracy for *_, has_accuracy in shared)
        if self.held_out is not None:
            self.held_out = self.held_out + offset  # among the cases of all ranks

    def measure(self, flat: NDArray[DT], is_interrupted: Callable[[], bool] = lambda: False) -> Measures:
        """The error per case and the accuracy; the error is NaN once interrupted, on any rank."""
        right = self._measure_cases(flat, False, is_interrupted)
        shared = self._team.gather((right, self._by_shards(self._errors)))
        if any(right is None for right, _ in shared):
            return np.nan, None
        with np.errstate(over="ignore", invalid="ignore"):
            error = tree_sum([e for _, errors in shared for e in errors]) / self._weight
        accuracy = sum(right or 0 for right, _ in shared) / self._number

        return float(error), accuracy if self.has_accuracy else None

    def _by_shards(self, values: NDArray[np.float64]) -> list[float]:
        """The sum of each shard's values, from left to right."""
        with np.errstate(over="ignore", invalid="ignore"):
            sums = [np.add.accumulate(values[a:b])[-1:] for a, b in pairwise(self._bounds)]

        return [float(total[0]) if total.size else 0.0 for total in sums]


def tree_sum(values: Sequence[float]) -> float:
    """The sum of as many numbers as there are shards, along their tree."""
    sums = np.array(values)
    while len(sums) > 1:
        sums = sums[0::2] + sums[1::2]

    return float(sums[0])
