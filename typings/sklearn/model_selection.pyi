from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

def train_test_split(
    *arrays: NDArray[Any],
    test_size: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    stratify: ArrayLike | None = None,
) -> list[NDArray[Any]]: ...
