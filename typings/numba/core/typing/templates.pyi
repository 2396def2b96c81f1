from collections.abc import Callable
from typing import Any

def make_intrinsic_template(handle: Any, defn: Callable[..., Any], name: str) -> Any: ...
