# Of SciPy, what the tests compare with.
from typing import Any

lognorm: Any
norm: Any

def kstest(rvs: Any, cdf: str) -> Any: ...
