from collections.abc import Iterator
from functools import partial
from typing import TypeVar

_T = TypeVar("_T")

def estimator_checks_generator(estimator: _T) -> Iterator[tuple[_T, partial[None]]]: ...
