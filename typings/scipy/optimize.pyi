from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

class OptimizeResult(dict[str, Any]):
    def __getattr__(self, name: str) -> Any: ...  # its items are attributes, too

def minimize(
    fun: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    x0: NDArray[np.float64],
    *,
    jac: bool = False,
    method: str,
    options: dict[str, Any],
) -> OptimizeResult: ...
def rosen(x: NDArray[Any]) -> float: ...
def rosen_der(x: NDArray[Any]) -> NDArray[np.float64]: ...
def least_squares(
    fun: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x0: NDArray[np.float64],
    jac: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    method: str,
    xtol: float,
    ftol: float,
    gtol: float,
) -> OptimizeResult: ...
