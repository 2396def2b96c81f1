"""`SomeLost`: networks whose worker died."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fnn.training.executors.threads import Outcome


class SomeLost(RuntimeError):
    """Some of the networks that an executor trained are lost, because their workers died.

    Attributes
    ----------
    outcomes
        For each network its `Run`, or its `TrainingDiverged` with its last good parameters; None if it is lost.
    lost
        For each network that is lost, by its number, the error of the executor.
    suspects
        The networks that were being trained when the executor broke, if that ended the call.
    """

    def __init__(
        self, outcomes: Sequence[Outcome[Any] | None], lost: Mapping[int, BaseException], suspects: Sequence[int] = (),
        is_last: bool = True,
    ) -> None:  # fmt: skip
        trained = f"; a worker died while networks {_listed(suspects)} were trained" if suspects else ""
        hint = (
            ""
            if is_last
            else "; this executor can't be used again: give a function that makes one, such as "
            "executor=functools.partial(ProcessPoolExecutor, 8), and only networks that kill their worker are lost"
        )
        super().__init__(
            f"{len(lost)} of {len(outcomes)} networks are lost, because workers died: {_listed(sorted(lost))}; "
            f".outcomes holds what came of the others{trained}{hint}"
        )
        self._is_last = is_last
        self.outcomes, self.lost, self.suspects = list(outcomes), dict(lost), list(suspects)

    def __reduce__(self) -> tuple[type[SomeLost], tuple[Any, ...]]:
        return SomeLost, (self.outcomes, self.lost, self.suspects, self._is_last)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + ", .." * (len(numbers) > 10)
