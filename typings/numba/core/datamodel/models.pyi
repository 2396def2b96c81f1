from typing import Any

from numba.core import types

class DataModel:
    def __init__(self, dmm: Any, fe_type: types.Type) -> None: ...

class StructModel(DataModel):
    def __init__(self, dmm: Any, fe_type: types.Type, members: list[tuple[str, types.Type]]) -> None: ...

class OpaqueModel(DataModel): ...
