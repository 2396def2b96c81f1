class _LLVMLock:
    def __enter__(self) -> None: ...
    def __exit__(self, *exc_details: object) -> None: ...

class _lib_wrapper:
    _lock: _LLVMLock

lib: _lib_wrapper
