"""Immutable values with checked fields, and the types of their fields; and docstrings of values.

The check of a type ``Annotated[.., check]`` gets a field's name and argument, and returns its value or raises an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, make_dataclass, replace
from functools import cache, partial
from types import MethodType
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias, dataclass_transform, get_origin, get_type_hints

from fnn.boundary.calls import counting
from fnn.boundary.checks import finite, flag, positive, real, whole

Check: TypeAlias = Callable[[str, Any], Any]


def optional(check: Check) -> Check:
    """The same check of a field that may be None."""
    return lambda name, value: None if value is None else check(name, value)


_at_least_0 = partial(real, at_least=0)
_count = partial(whole, at_least=1, at_most=2**63 - 1)
_count_from_2 = partial(whole, at_least=2, at_most=2**63 - 1)

Positive: TypeAlias = Annotated[float, positive]
AtLeast0: TypeAlias = Annotated[float, _at_least_0]
AtLeast1: TypeAlias = Annotated[float, partial(real, at_least=1)]
Fraction: TypeAlias = Annotated[float, partial(real, at_least=0, below=1)]
Count: TypeAlias = Annotated[int, _count]
CountFrom0: TypeAlias = Annotated[int, partial(whole, at_least=0, at_most=2**63 - 1)]
Flag: TypeAlias = Annotated[bool, flag]
OptionalPositive: TypeAlias = Annotated[float | None, optional(positive)]
OptionalAtLeast0: TypeAlias = Annotated[float | None, optional(_at_least_0)]
OptionalFinite: TypeAlias = Annotated[float | None, optional(finite)]
OptionalCount: TypeAlias = Annotated[int | None, optional(_count)]
OptionalCountFrom2: TypeAlias = Annotated[int | None, optional(_count_from_2)]


class _Init:
    """The `__init__` of every class of values, compiled when it is first asked for: each takes 0.3 ms."""

    def __get__(self, value: object, kind: type) -> Callable[..., None]:
        if value is None:
            return _init_of(kind) if kind is not Value else object.__init__

        return MethodType(_init_of(value if isinstance(value, type) else type(value)), value)  # `inspect` has the class


@dataclass_transform(frozen_default=True)
class Value:
    """The base of values: every subclass is a frozen dataclass without saying so, and its fields are checked.

    A method that `dataclass` makes for a class would take 0.1 ms of ``import fnn``, and there are thirty classes.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(init=False, eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        """Check the fields; a subclass may add what concerns several."""
        kind: Any = type(self)  # mypy takes the class's own __hash__ for that of its instances
        for name, check in _checks(kind).items():
            vars(self)[name] = check(name, vars(self)[name])

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        kind: Any = type(self)
        in_order = sorted(fields(kind), key=lambda field: field.kw_only is True)  # as the arguments are

        return f"fnn.{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in in_order)})"

    def __replace__(self, **changes: Any) -> Self:
        value: Any = self
        changed: Self = replace(value, **changes)

        return changed

    if not TYPE_CHECKING:  # mypy knows these from `dataclass_transform`
        __init__ = _Init()

        def __setattr__(self, name: str, value: object) -> None:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError(f"cannot delete field {name!r}")


@cache
def _init_of(kind: Any) -> Callable[..., None]:
    """The `__init__` of a frozen dataclass with the fields of a class of values."""
    own = fields(kind) if is_dataclass(kind) else ()  # `Value` has none, and `help` of a subclass looks it up, too
    parameters = [(f.name, f.type, field(default=f.default, kw_only=f.kw_only)) for f in own]
    checks = {"__post_init__": kind.__post_init__}
    made: Any = make_dataclass(kind.__name__, parameters, namespace=checks, frozen=True, eq=False, repr=False)
    init: Callable[..., None] = counting(made.__init__, kind.__name__)

    return init


@cache
def _checks(kind: Any) -> dict[str, Check]:
    """The checks of a class's fields, by name."""
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind) if get_origin(hints[field.name]) is Annotated]

    return {name: hints[name].__metadata__[0] for name in names}


class Documented:
    """The base of values with a docstring each, which `help` shows in place of the class's."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        type.__setattr__(cls, "__doc__", _Doc(cls.__doc__))

    @property
    def doc(self) -> str:
        """The docstring of this value: its formula, its range and its source; empty if it has none."""
        return ""


class _Doc:
    """The `__doc__` of a class and of its instances."""

    def __init__(self, of_class: str | None) -> None:
        self._of_class = of_class

    def __get__(self, value: Documented | None, kind: type) -> str | None:
        return self._of_class if value is None else value.doc or self._of_class
