from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

def compute_sample_weight(class_weight: Any, y: ArrayLike) -> NDArray[np.float64]: ...
