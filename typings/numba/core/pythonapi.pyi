from typing import Any

from llvmlite import ir

class NativeValue:
    value: ir.Value
    is_error: ir.Value
    def __init__(self, value: ir.Value, is_error: ir.Value | None = None, cleanup: Any = None) -> None: ...
