from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

def estimator_checks_generator(estimator: _T) -> Iterator[tuple[_T, partial[None]]]: ...
def parametrize_with_checks(estimators: Sequence[object]) -> Callable[[_F], _F]: ...
