# Of scikit-learn, what the examples, the tests and the benchmarks use.
from contextlib import AbstractContextManager

__version__: str

def config_context(*, enable_metadata_routing: bool) -> AbstractContextManager[None]: ...
def set_config(*, assume_finite: bool | None = None) -> None: ...
