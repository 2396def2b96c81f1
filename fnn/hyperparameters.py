"""Types of hyperparameters: each has its range, which is checked when a dataclass that has them is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Annotated, Any, TypeAlias, get_type_hints

from fnn.checks import positive, real, whole

Check: TypeAlias = Callable[[str, Any], Any]  # from a name and what was given to what it stands for, or an error

Positive: TypeAlias = Annotated[float, positive]
AtLeast0: TypeAlias = Annotated[float, partial(real, at_least=0)]
AtLeast1: TypeAlias = Annotated[float, partial(real, at_least=1)]
Fraction: TypeAlias = Annotated[float, partial(real, at_least=0, below=1)]
Count: TypeAlias = Annotated[int, partial(whole, at_least=1)]
CountFrom0: TypeAlias = Annotated[int, partial(whole, at_least=0)]
CountFrom2: TypeAlias = Annotated[int, partial(whole, at_least=2)]


@dataclass(frozen=True)
class Checked:
    """A dataclass whose fields are checked as their types say, and whose repr says how it was made."""

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name, check in _checks(kind).items():
            object.__setattr__(self, name, check(name, getattr(self, name)))

    def __repr__(self) -> str:
        made_of = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))

        return f"fnn.{type(self).__name__}({made_of})"


@cache
def _checks(kind: Any) -> dict[str, Check]:
    """The checks of a class's fields, by name."""
    hints = get_type_hints(kind, include_extras=True)

    return {f.name: hints[f.name].__metadata__[0] for f in fields(kind) if hasattr(hints[f.name], "__metadata__")}
