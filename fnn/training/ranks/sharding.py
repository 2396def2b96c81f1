"""`Sharding`: the shards of a run, those of this rank, and their cases."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.checks import whole
from fnn.data.cases import Cases
from fnn.data.draw import drawn
from fnn.data.faults import FAULTS
from fnn.data.fingerprint import fingerprints
from fnn.data.kernels.faults import NO_WEIGHT
from fnn.data.rows import CaseArrays
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params
from fnn.training.ranks.shards import forest, require_shards, shard_start, shards_of
from fnn.training.ranks.team import Team


class Sharding(NamedTuple):
    """Which shards a run has, and which of them, and of their cases, this rank has."""

    team: Team
    shards: int
    first: int  # this rank has the shards first .. last
    last: int
    all_cases: int  # of all ranks, those held out included
    number: int  # those to train on
    validation: tuple[int, ...] = ()  # the first case to validate on of each of this rank's shards, and their number

    @property
    def nodes(self) -> int:
        """The largest subtrees of shards that this rank has alone."""
        return len(forest(self.first, self.last))

    @property
    def levels(self) -> int:
        """The most sums of subtrees of whole shards that this rank keeps at a time."""
        return self.nodes + (self.last - self.first).bit_length()

    @property
    def part(self) -> float:
        """The part of all cases that this rank has."""
        return (self.last - self.first) / self.shards

    @property
    def held_out(self) -> int:
        """The cases of all ranks that a fraction holds out."""
        return self.all_cases - self.number

    def require_same_cases(self, name: str, sample: str, otherwise: str = "") -> None:
        """Raise ValueError, on all ranks, unless a sample of the cases of each is the same."""
        if len(set(self.team.gather(sample))) > 1:
            raise ValueError(f"{name}: needs the same cases on all ranks{otherwise}")

    def rows(self, number: int) -> range:
        """Which of a number of cases are this rank's."""
        return range(*(shard_start(shard, number, self.shards) for shard in (self.first, self.last)))

    def bounds(self, number: int) -> list[int]:
        """If a number of cases is cut into shards: the first of each of this rank's, and the end of the last."""
        starts = [shard_start(shard, number, self.shards) for shard in range(self.first, self.last + 1)]

        return [start - starts[0] for start in starts]

    def require_agreement(self, settings: Mapping[str, str]) -> None:
        """Raise ValueError, on all ranks, unless all have the same settings."""
        first, *others = self.team.gather(dict(settings))
        for rank, theirs in enumerate(others, 1):
            for name in {**first, **theirs}:
                if theirs.get(name) != first.get(name):
                    raise ValueError(
                        f"{name}: all ranks must give the same, but rank {rank} has {theirs.get(name)}, rank 0 "
                        f"{first.get(name)}"
                    )

    def own(self, cases: Cases) -> Cases:
        """Those of all cases that are this rank's."""
        count = len(cases)
        if count < self.shards:
            raise ValueError(f"x: needs a case for each of {self.shards} shards, got {count}")
        if self.team.size == 1:
            return cases
        own = self.rows(count)
        rows = slice(own.start, own.stop)
        weights = None if cases.weights is None else cases.weights[rows]

        return Cases(
            cases.x[rows], cases.y[rows], weights=weights, class_weights=cases.class_weights, scale=cases.scale
        )  # fmt: skip

    def arrays(self, cases: Cases, params: Params[DT], loss: Loss, number: int) -> CaseArrays[DT]:
        """The rank's part of a number of cases, as kernels take them; an error says what its rows count from."""
        try:
            arrays = cases.arrays(params, loss, may_weigh_nothing=True)
        except (TypeError, ValueError) as error:
            if self.team.size > 1:
                error.add_note(f"rows count from case {self.rows(number).start} on, the first of rank {self.team.rank}")
            raise
        self.require_weight(arrays)

        return arrays

    def require_weight(self, cases: CaseArrays[Any]) -> None:
        """Raise ValueError, on all ranks, if the cases of all ranks that count weigh nothing."""
        weights = _weights_of(cases)
        if weights.size and not sum(self.team.gather(float(weights.sum()))) > 0:
            raise ValueError(FAULTS[NO_WEIGHT].message)

    def validating(self, cases: CaseArrays[Any] | None) -> Sharding:
        """The same with cases of their own to validate on, of which this rank has some."""
        return self if cases is None else self._replace(validation=tuple(self.bounds(self._shared(cases))))

    def holding_out(self, some: int) -> Sharding:
        """The same with some of the cases held out: as many of each shard as leave the shards even."""
        number = self.all_cases - some
        starts = zip(self.bounds(self.all_cases), self.bounds(number), strict=True)

        return self._replace(number=number, validation=tuple(a - b for a, b in starts))

    def drawn(self, some: int, seed: int) -> NDArray[np.bool_]:
        """Which of this rank's cases are held out if some of all are: a function of the seed and the shard."""
        counts = np.diff(self.bounds(self.all_cases)).tolist()
        out = np.diff(self.holding_out(some).validation).tolist()
        parts = zip(out, counts, range(self.first, self.last), strict=True)

        return np.concatenate([drawn(*part, seed, shard) for *part, shard in parts])

    def weight(self, cases: CaseArrays[Any], bounds: Sequence[int]) -> float:
        """Σ_c w_c over the cases of all ranks that count, of which this rank's shards have those within the bounds."""
        weights = _weights_of(cases)
        mine = by_shards(weights if weights.size else np.ones(cases.number), bounds)

        return tree_sum([weight for rank in self.team.gather(mine) for weight in rank])

    def fingerprints(self, arrays: CaseArrays[Any]) -> dict[str, str]:
        """The fingerprints of the cases of all ranks: of those of their shards, in order."""
        bounds = self.bounds(self._shared(arrays))
        mine = [fingerprints(_rows(arrays, a, b)) for a, b in pairwise(bounds)]
        shared = [shard for rank in self.team.gather(mine) for shard in rank]

        return {name: _digest([shard[name] for shard in shared]) for name in shared[0]}

    def _shared(self, arrays: CaseArrays[Any]) -> int:
        """How many cases all ranks have, held out or not."""
        return sum(self.team.gather(len(arrays.x)))


def _weights_of(cases: CaseArrays[Any]) -> NDArray[np.float64]:
    """The weights of the cases that count; empty if each weighs 1."""
    return cases.weights[cases.chosen] if cases.chosen.size and cases.weights.size else cases.weights


def by_shards(values: NDArray[np.float64], bounds: Sequence[int]) -> list[float]:
    """The sum of each shard's values, from left to right."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums = [np.add.accumulate(values[a:b])[-1:] for a, b in pairwise(bounds)]

    return [float(total[0]) if total.size else 0.0 for total in sums]


def tree_sum(values: Sequence[float]) -> float:
    """The sum of as many numbers as there are shards, along their tree."""
    sums = np.array(values)
    with np.errstate(over="ignore", invalid="ignore"):
        while len(sums) > 1:
            sums = sums[0::2] + sums[1::2]

    return float(sums[0])


def _rows(arrays: CaseArrays[Any], top: int, bottom: int) -> CaseArrays[Any]:
    """Some of the cases as they are, not cast."""
    x, y, labels, weights = arrays[:4]
    rows = slice(top, bottom)

    return arrays._replace(x=x[rows], y=y[rows], labels=labels[rows], weights=weights[rows])


def _digest(words: list[str]) -> str:
    return f"{len(words)} shards {hashlib.sha256(repr(words).encode()).hexdigest()[:16]}"


def sample_of(cases: Cases) -> str:
    """A checksum of the first, the last and a middle case, whose weights differ from 1 or not."""
    count, digest = len(cases), 0
    for array in (cases.x, cases.y):
        rows = array.reshape(count, -1)[[0, count // 2, -1]]
        digest = zlib.crc32(np.ascontiguousarray(rows).view(np.uint8).data, digest)
    weighs = any(weights is not None for weights in (cases.weights, cases.class_weights))

    return f"{count} cases, {digest:08x}, {'' if weighs else 'not '}weighted"


def sharding_of(
    team: Team, shards: SupportsIndex, cases: Cases, total_cases: SupportsIndex | None, said: Mapping[str, str]
) -> tuple[Sharding, Cases]:
    """The shards of a run, and this rank's of the cases; ValueError if they are neither all cases nor this rank's.

    `total_cases` is the number of all cases if `cases` are this rank's alone. `said` are settings on which the meetings
    of the ranks depend.
    """
    count = require_shards(shards, team.size)
    first, last = shards_of(team.rank, team.size, count)
    if total_cases is None:
        number, sample = len(cases), sample_of(cases)
    else:
        number, sample = whole("total_cases", total_cases, at_least=count, at_most=2**62), "of each rank"
    sharding = Sharding(team, count, first, last, number, number)
    weighs = any(weights is not None for weights in (cases.weights, cases.class_weights))
    ours = {"shards": str(count), "total_cases": str(total_cases), "weights": "given" if weighs else "None"}
    sharding.require_agreement({**ours, **said})
    sharding.require_same_cases("x, y", sample, "; if each has its own alone, give total_cases")
    if total_cases is None:
        return sharding, sharding.own(cases)
    rows = sharding.rows(number)
    if len(cases) != len(rows):
        raise ValueError(
            f"x: of total_cases={number} in {count} shards, rank {team.rank} of {team.size} has the cases "
            f"{rows.start} .. {rows.stop - 1}, as fnn.shard_range says; got {len(cases)} cases"
        )

    return sharding, cases
