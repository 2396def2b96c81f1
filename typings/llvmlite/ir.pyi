from collections.abc import Sequence
from typing import Any

class Type:
    def __call__(self, value: Any) -> Constant: ...
    def as_pointer(self, addrspace: int = 0) -> PointerType: ...

class VoidType(Type): ...

class IntType(Type):
    width: int
    def __init__(self, bits: int) -> None: ...

class FloatType(Type): ...
class DoubleType(Type): ...

class PointerType(Type):
    def __init__(self, pointee: Type | None = None, addrspace: int = 0) -> None: ...

class VectorType(Type):
    element: Type
    count: int
    def __init__(self, element: Type, count: int) -> None: ...

class ArrayType(Type):
    element: Type
    count: int
    def __init__(self, element: Type, count: int) -> None: ...

class FunctionType(Type):
    return_type: Type
    args: tuple[Type, ...]
    def __init__(self, return_type: Type, args: Sequence[Type], var_arg: bool = False) -> None: ...

Undefined: Any

class Value:
    type: Any  # with the attributes of its kind: width, count, ..

class Constant(Value):
    constant: Any
    def __init__(self, typ: Type, constant: Any) -> None: ...

class GlobalValue(Value):
    linkage: str
    name: str
    def ptrtoint(self, typ: Type) -> Constant: ...

class GlobalVariable(GlobalValue):
    align: int | None
    global_constant: bool
    initializer: Constant | None
    value_type: Type
    def __init__(self, module: Module, typ: Type, name: str, addrspace: int = 0) -> None: ...

class Function(GlobalValue):
    args: tuple[Value, ...]
    attributes: Any
    def __init__(self, module: Module, ftype: FunctionType, name: str) -> None: ...

class Module:
    globals: dict[str, Any]

# Code generation is untyped in Numba: what a `codegen` gets, it calls `Any`.
class IRBuilder: ...
