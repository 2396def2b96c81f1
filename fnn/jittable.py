"""Public functions that have a body in nopython mode, and what Numba says where they get none.

The bodies are in `fnn.nopython`, which is imported when Numba meets the first `Params`. If it never does, because what
stands where params belong is something else, Numba would know no function ``fnn.forward`` at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba.core.errors import TypingError
from numba.extending import overload

F = TypeVar("F", bound=Callable[..., Any])


def jittable(function: F) -> F:
    """Register what refuses a call with anything but `Params`; the bodies come later, beside it."""

    @overload(function)
    def refuse(*args: Any, **kwargs: Any) -> None:
        from fnn.nopython.types import ParamsType  # 40 ms, when a jitted function is compiled that calls it

        given = args[0] if args else kwargs.get("params", "none")
        if not isinstance(given, ParamsType):
            raise TypingError(f"params: needs fnn.Params, got {given}")

    return function
