"""How a public function gets a body for nopython mode, and how that raises.

Numba loses the references that a frame holds when an exception from a called function passes through it. So the bodies
are put into their caller (``inline="always"``), who cleans up before it raises. A loop that raises can't run in
parallel, however, so under ``parallel=True`` they are called; what they raise inside ``prange`` then is a SystemError
with the error as its cause in the calling thread, and in another thread Numba loses it.

Messages are constant: in Numba 0.68 an exception with an argument that is known at run time only leaks half a kilobyte.
``params["W9"]`` and ``t.z[9]`` can't be put into the caller; where there is no such layer, they do leak what it holds.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from numba import types
from numba.core.targetconfig import ConfigStack
from numba.extending import overload, overload_method

Body = Callable[..., Any]


def in_nopython(function: Callable[..., Any], **options: Any) -> Callable[[Body], Body]:
    """Register what chooses a body for a public function: inlined, or called where the caller is made parallel."""

    def decorate(choose: Body) -> Body:
        inlined, called = _when(choose, lambda: not is_parallel()), _when(choose, is_parallel)
        overload(function, inline="always", **options)(inlined)
        overload(function, **options)(called)

        return choose

    return decorate


def method_in_nopython(kind: type[types.Type], function: Callable[..., Any], call: Body) -> Callable[[Body], Body]:
    """Register what chooses a body for a public method, likewise; `call` is the body that calls the function.

    Always to inline that one would do, but take seconds more to compile: Numba finds out the types in a function once
    more at every level of functions that are inlined.
    """

    def decorate(choose: Body) -> Body:
        @wraps(choose)
        def choose_or_call(*args: Any, **kwargs: Any) -> Body | None:
            body = choose(*args, **kwargs)

            return call if is_parallel() else body

        overload(function)(choose)
        overload_method(kind, function.__name__, inline="always")(choose_or_call)

        return choose

    return decorate


def is_parallel() -> bool:
    """Whether what is being compiled is made parallel."""
    flags = ConfigStack.top_or_none()

    return flags is not None and bool(flags.auto_parallel.enabled)


def _when(choose: Body, is_due: Callable[[], bool]) -> Body:
    @wraps(choose)
    def choose_if_due(*args: Any, **kwargs: Any) -> Body | None:
        return choose(*args, **kwargs) if is_due() else None

    return choose_if_due
