from typing import Any

from numba.core.compiler_machinery import PassManager

class CompilerBase:
    state: Any
    def __init__(
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any, locals: Any
    ) -> None: ...
    def define_pipelines(self) -> list[PassManager]: ...
