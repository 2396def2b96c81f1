# Of tqdm, what fnn uses.
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TextIO, TypeVar

_T = TypeVar("_T")

class tqdm(Generic[_T]):
    n: float
    total: float | None
    def __init__(
        self,
        iterable: Iterable[_T] | None = None,
        desc: str | None = None,
        total: float | None = None,
        leave: bool | None = True,
        file: TextIO | None = None,
        *,
        disable: bool | None = False,
        unit: str = "it",
    ) -> None: ...
    def __iter__(self) -> Iterator[_T]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def close(self) -> None: ...
    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None: ...
    def update(self, n: float | None = 1) -> bool | None: ...
