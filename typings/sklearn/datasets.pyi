from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

@overload
def load_digits(*, return_X_y: Literal[False] = False) -> Bunch: ...
@overload
def load_digits(*, return_X_y: Literal[True]) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
