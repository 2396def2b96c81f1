"""Which cases are held out, drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def drawn(some: int, count: int, seed: int, *others: int) -> NDArray[np.bool_]:
    """Which ones are some of `count` cases, drawn at random: a function of the seeds, the same on every machine."""
    numbers = np.random.PCG64((seed, 1, *others)).random_raw(count)  # 1: apart from what `init` draws with the seed
    chosen = np.zeros(count, np.bool_)
    chosen[np.argsort(numbers, kind="stable")[:some]] = True

    return chosen
