from collections.abc import Callable, Sequence
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

def parametrize_with_checks(estimators: Sequence[object]) -> Callable[[_F], _F]: ...
