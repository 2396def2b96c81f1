"""Types of hyperparameters: each has its range, which is checked when a value that has them is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, FrozenInstanceError
from functools import cache, partial
from inspect import Parameter, Signature, get_annotations
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Self,
    TypeAlias,
    dataclass_transform,
    get_origin,
    get_type_hints,
)

from fnn.checks import flag, positive, real, whole

Check: TypeAlias = Callable[[str, Any], Any]  # from a name and what was given to what it stands for, or an error

Positive: TypeAlias = Annotated[float, positive]
AtLeast0: TypeAlias = Annotated[float, partial(real, at_least=0)]
AtLeast1: TypeAlias = Annotated[float, partial(real, at_least=1)]
Fraction: TypeAlias = Annotated[float, partial(real, at_least=0, below=1)]
Count: TypeAlias = Annotated[int, partial(whole, at_least=1, at_most=2**63 - 1)]
CountFrom0: TypeAlias = Annotated[int, partial(whole, at_least=0, at_most=2**63 - 1)]
CountFrom2: TypeAlias = Annotated[int, partial(whole, at_least=2, at_most=2**63 - 1)]
Flag: TypeAlias = Annotated[bool, flag]


class _OfClass:
    """A property of a class, worked out when somebody asks; its instances don't have it."""

    def __init__(self, found: Callable[[Any], Any]) -> None:
        self._found = found

    def __get__(self, instance: Value | None, kind: type[Value]) -> Any:
        if instance is not None:
            raise AttributeError("it is the class that has it")

        return self._found(kind)


@dataclass_transform(frozen_default=True)
class Value:
    """The base of values whose fields are checked as their types say, and whose repr says how they were made.

    Its subclasses are what ``@dataclass(frozen=True)`` would make of them. That compiles five methods for each class,
    and would make ``import fnn``, less Numba's part, half as long again.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kind: Any = type(self)
        bound = _signature(kind).bind(*args, **kwargs)
        bound.apply_defaults()
        vars(self).update(bound.arguments)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields; a subclass may add what concerns several."""
        kind: Any = type(self)
        for name, check in _checks(kind).items():
            vars(self)[name] = check(name, vars(self)[name])

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(self) is type(other) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        made_of = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())

        return f"fnn.{type(self).__name__}({made_of})"

    def __replace__(self, **changes: Any) -> Self:
        """The same with other values of some fields."""
        return type(self)(**{**vars(self), **changes})

    if not TYPE_CHECKING:  # which knows all this from the fields, and would take any name that has a __setattr__

        def __setattr__(self, name: str, value: object) -> None:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")

        def __delattr__(self, name: str) -> None:
            raise FrozenInstanceError(f"cannot delete field {name!r}")

        __signature__ = _OfClass(lambda kind: _signature(kind))
        __match_args__ = _OfClass(lambda kind: _positional(kind))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The types of all that is annotated in a class."""
    return get_type_hints(kind, include_extras=True)


@cache
def _signature(kind: Any) -> Signature:
    """A parameter for each field; those after KW_ONLY are given by name."""
    found: dict[str, Parameter] = {}
    hints = _hints(kind)
    for part in reversed(kind.__mro__):
        by_name = False
        for name, annotation in get_annotations(part).items():
            if hints[name] is KW_ONLY:
                by_name = True
            elif get_origin(hints[name]) is not ClassVar:
                how = Parameter.KEYWORD_ONLY if by_name else Parameter.POSITIONAL_OR_KEYWORD
                default = getattr(kind, name, Parameter.empty)
                found[name] = Parameter(name, how, default=default, annotation=annotation)

    return Signature(sorted(found.values(), key=lambda parameter: parameter.kind))


def _positional(kind: Any) -> tuple[str, ...]:
    """The fields that need no name."""
    parameters = _signature(kind).parameters.values()

    return tuple(field.name for field in parameters if field.kind is Parameter.POSITIONAL_OR_KEYWORD)


@cache
def _checks(kind: Any) -> dict[str, Check]:
    """The checks of a class's fields, by name."""
    hints = _hints(kind)

    return {
        name: hints[name].__metadata__[0]
        for name in _signature(kind).parameters
        if get_origin(hints[name]) is Annotated
    }
