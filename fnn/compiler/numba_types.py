"""How Numba learns the types of fnn's values, without a lower package importing a higher one.

`fnn.njit`, above all other packages, defines the types, and the bodies of the public functions in nopython mode. It is
imported when Numba first asks a value of fnn for its type (`numba_type`): `fnn` names the function that imports it
(`provide`), and `fnn.njit` names the type of each class (`register`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from numba import types
from numba.core.registry import cpu_target
from numba.extending import overload

from fnn.compiler.internals import NumbaType, TypingError

F = TypeVar("F", bound=Callable[..., Any])

_types: Final[dict[type, Callable[[Any], NumbaType]]] = {}
_load: Final[list[Callable[[], object]]] = []
_named: Final[dict[object, object]] = {}  # what Numba knows by an overload or as `OutsideType`, and what put it here


class NetworkType(types.Type):
    """The base of the Numba type of `Params`, for the packages below `fnn.njit`."""


def provide(load: Callable[[], object]) -> None:
    """Set a function that registers all types; it is called when the first type is asked for."""
    _load.append(load)


def register(types_of: Mapping[type, Callable[[Any], NumbaType]]) -> None:
    """Set the Numba types of all classes: for each class a function of the instance."""
    _types.update(types_of)


def numba_type(value: object) -> NumbaType:
    """The Numba type of a value, by its class or the nearest registered base class."""
    if not _types:
        for load in _load:
            load()

    return _types[next(kind for kind in type(value).__mro__ if kind in _types)](value)


def jittable(function: F) -> F:
    """Register an overload that refuses anything but `Params`; `fnn.njit` adds the bodies.

    `fnn.njit` isn't imported before Numba meets a `Params`: where another value is passed as params, Numba would say
    that it knows no function ``fnn.forward``.
    """

    @overload(function)
    def refuse(*args: Any, **kwargs: Any) -> None:
        params = args[0] if args else kwargs.get("params", "none")
        if not isinstance(params, NetworkType):
            raise TypingError(f"params: needs fnn.Params, got {params}")

    _named[function] = overload

    return function


class OutsideType(types.Callable):
    """The type of a public name without a form for nopython mode, which Numba would call an unknown attribute."""

    def __init__(self, name: str) -> None:
        self._public_name = name
        super().__init__(f"fnn.{name} (only outside @njit)")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        raise TypingError(
            f"fnn.{self._public_name}: can't be used inside @njit; use it outside, and pass the result as an argument"
        )

    def get_call_signatures(self) -> tuple[tuple[()], bool]:
        return (), False

    def get_impl_key(self, sig: Any) -> Any:
        return type(self)

    def augment(self, other: NumbaType) -> NumbaType:
        """An overload, from `jittable` or anywhere else, takes the place of this."""
        return other


def keep_outside(name: str, value: Any) -> None:
    """Let Numba say of a public value that it can't be used inside @njit, unless it has a type or an overload."""
    if not hasattr(type(value), "_numba_type_"):
        this_call = object()
        if _named.setdefault(value, this_call) is this_call:  # the first, also among threads
            cpu_target.typing_context.insert_global(value, OutsideType(name))
