"""`Digests`: whether all ranks have the same parameters, which a broken machine, or another library, would change."""

from __future__ import annotations

import time
import zlib
from typing import Any, Final

from numpy.typing import NDArray

from fnn.training.ranks.team import Team

_INTERVAL: Final = 10.0  # seconds from one comparison to the next, or longer if they would
_PART: Final = 0.01  # take more than this part of the time


class RanksDiffer(RuntimeError):
    """The parameters of ranks differ, so that none of them can be trusted."""


class Digests:
    """Compares the parameters of the ranks now and then."""

    def __init__(self, team: Team) -> None:
        self._team, self._due = team, time.monotonic() + _INTERVAL

    @property
    def is_due(self) -> bool:
        """Whether it is time to compare, on rank 0."""
        return self._team.size > 1 and time.monotonic() >= self._due

    def compare(self, flat: NDArray[Any], step: int) -> None:
        """RanksDiffer on all ranks unless the parameters, a contiguous array, have the same bits on all."""
        if self._team.size == 1:
            return
        began = time.monotonic()
        first, *others = self._team.gather(zlib.crc32(flat.data))
        different = [str(rank) for rank, digest in enumerate(others, 1) if digest != first]
        if different:
            raise RanksDiffer(
                f"after step {step} the parameters on rank {', '.join(different)} differ from those on rank 0: a "
                "machine that fails, or one with other software"
            )
        now = time.monotonic()
        self._due = now + max(_INTERVAL, (now - began) / _PART)
