# Of SciPy, what the tests compare with.
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

def solve_ivp(
    fun: Callable[[float, Any], ArrayLike],
    t_span: tuple[float, float],
    y0: ArrayLike,
    method: str = "RK45",
    t_eval: ArrayLike | None = None,
    *,
    rtol: float = ...,
    atol: float = ...,
) -> Any: ...
