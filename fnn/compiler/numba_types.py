"""How Numba learns the types of fnn's values, without a lower package importing a higher one.

`fnn.njit` has the types and the bodies of the public functions in nopython mode. It stands above all other packages
and is imported when Numba meets the first value of fnn's: `fnn` says how (`provide`), `fnn.njit` then tells which class
has which type (`register`), and a value asks for its own (`numba_type`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from numba import types
from numba.extending import overload

from fnn.compiler.internals import TypingError

F = TypeVar("F", bound=Callable[..., Any])

_types: Final[dict[type, Callable[[Any], types.Type]]] = {}
_load: Final[list[Callable[[], object]]] = []


class NetworkType(types.Type):
    """The base of the Numba type of `Params`, by which the lower packages know it."""


def provide(load: Callable[[], object]) -> None:
    """Name the function that makes all types known; it is called when the first is asked for."""
    _load.append(load)


def register(types_of: Mapping[type, Callable[[Any], types.Type]]) -> None:
    """Make known the Numba types of all classes at once: for each a function of the instance."""
    _types.update(types_of)


def numba_type(value: object) -> types.Type:
    """The Numba type of a value, by its class or the nearest base of that."""
    if not _types:
        for load in _load:
            load()

    return _types[next(kind for kind in type(value).__mro__ if kind in _types)](value)


def jittable(function: F) -> F:
    """Register what refuses a call with anything but `Params`; the bodies come later, beside it.

    If Numba never meets a `Params`, because another value stands where params belong, it would otherwise know no
    function ``fnn.forward`` at all.
    """

    @overload(function)
    def refuse(*args: Any, **kwargs: Any) -> None:
        given = args[0] if args else kwargs.get("params", "none")
        if not isinstance(given, NetworkType):
            raise TypingError(f"params: needs fnn.Params, got {given}")

    return function
