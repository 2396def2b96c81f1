from typing import Any

class ConfigStack:
    @classmethod
    def top_or_none(cls) -> Any: ...
