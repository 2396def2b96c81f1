"""Immutable values with checked fields, and the types of their fields.

The check of a type ``Annotated[.., check]`` gets a field's name and argument, and returns its value or raises an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from typing import Annotated, Any, Self, TypeAlias, dataclass_transform, get_origin, get_type_hints

from fnn.checks import finite, flag, positive, real, whole

Check: TypeAlias = Callable[[str, Any], Any]


def optional(check: Check) -> Check:
    """The same check of a field that may be None."""
    return lambda name, value: None if value is None else check(name, value)


_at_least_0 = partial(real, at_least=0)
_count = partial(whole, at_least=1, at_most=2**63 - 1)

Positive: TypeAlias = Annotated[float, positive]
AtLeast0: TypeAlias = Annotated[float, _at_least_0]
AtLeast1: TypeAlias = Annotated[float, partial(real, at_least=1)]
Fraction: TypeAlias = Annotated[float, partial(real, at_least=0, below=1)]
Count: TypeAlias = Annotated[int, _count]
CountFrom0: TypeAlias = Annotated[int, partial(whole, at_least=0, at_most=2**63 - 1)]
CountFrom2: TypeAlias = Annotated[int, partial(whole, at_least=2, at_most=2**63 - 1)]
Flag: TypeAlias = Annotated[bool, flag]
OptionalPositive: TypeAlias = Annotated[float | None, optional(positive)]
OptionalAtLeast0: TypeAlias = Annotated[float | None, optional(_at_least_0)]
OptionalFinite: TypeAlias = Annotated[float | None, optional(finite)]
OptionalCount: TypeAlias = Annotated[int | None, optional(_count)]


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True, eq=False, repr=False)
class Value:
    """The base of values: every subclass is a frozen dataclass without saying so, and its fields are checked."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, eq=False, repr=False)(cls)  # a method made for each class takes 0.1 ms of the import

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
        in_order = sorted(fields(self), key=lambda field: field.kw_only is True)  # as the arguments are

        return f"fnn.{type(self).__name__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in in_order)})"

    def __replace__(self, **changes: Any) -> Self:
        return replace(self, **changes)


@cache
def _checks(kind: Any) -> dict[str, Check]:
    """The checks of a class's fields, by name."""
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind) if get_origin(hints[field.name]) is Annotated]

    return {name: hints[name].__metadata__[0] for name in names}
