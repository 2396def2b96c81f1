import typing
from collections.abc import Iterator, Sequence
from typing import Any, overload

from numba.core.typing import Signature

class Type:
    name: str
    mutable: bool
    def __init__(self, name: str) -> None: ...
    @property
    def key(self) -> Any: ...
    @overload
    def __call__(self, value: complex, /) -> Any: ...
    @overload
    def __call__(self, *args: Type) -> Signature: ...
    def __hash__(self) -> int: ...
    def __getitem__(self, args: slice | tuple[slice, ...], /) -> Array: ...
    def can_convert_to(self, typingctx: Any, other: Type) -> Any: ...
    def can_convert_from(self, typingctx: Any, other: Type) -> Any: ...
    def unify(self, typingctx: Any, other: Type) -> Type | None: ...

class Callable(Type): ...

class Optional(Type):
    def __init__(self, typ: Type) -> None: ...

class Opaque(Type): ...

class Function(Type):
    def __init__(self, template: Any) -> None: ...

class Dispatcher(Type):
    dispatcher: Any

class Number(Type): ...

class Integer(Number):
    bitwidth: int
    signed: bool

class Float(Number):
    bitwidth: int

class Boolean(Type): ...

class IntegerLiteral(Integer):
    @property
    def literal_value(self) -> int: ...

class StringLiteral(Type):
    @property
    def literal_value(self) -> str: ...

class NoneType(Opaque): ...

class Literal(Type):
    @property
    def literal_value(self) -> Any: ...

class Omitted(Opaque):
    @property
    def value(self) -> Any: ...

class Array(Type):
    dtype: Any
    ndim: int
    layout: typing.Literal["A", "C", "F"]
    aligned: bool
    def __init__(
        self,
        dtype: Type,
        ndim: int,
        layout: typing.Literal["A", "C", "F"],
        readonly: bool = False,
        name: str | None = None,
        aligned: bool = True,
    ) -> None: ...

class CPointer(Type):
    dtype: Any
    def __init__(self, dtype: Type, addrspace: int | None = None) -> None: ...

class BaseTuple(Type):
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Type]: ...

class UniTuple(BaseTuple):
    dtype: Any
    count: int
    def __init__(self, dtype: Type, count: int) -> None: ...

class Tuple(BaseTuple):
    types: tuple[Any, ...]
    def __init__(self, types: Sequence[Type]) -> None: ...

class NamedTuple(BaseTuple):
    types: tuple[Any, ...]
    instance_class: type[tuple[Any, ...]]
    fields: tuple[str, ...]
    def __init__(self, types: Sequence[Type], cls: type[tuple[Any, ...]]) -> None: ...

class NamedUniTuple(BaseTuple):
    dtype: Any
    count: int
    def __init__(self, dtype: Type, count: int, cls: type[tuple[Any, ...]]) -> None: ...

boolean: Boolean
float32: Float
float64: Float
int8: Integer
int16: Integer
int32: Integer
int64: Integer
intp: Integer
uint8: Integer
uint16: Integer
uint32: Integer
uint64: Integer
none: NoneType
void: Opaque
voidptr: Opaque
unicode_type: Type

def unliteral(lit_type: Type) -> Type: ...
