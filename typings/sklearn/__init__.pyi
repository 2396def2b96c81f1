# Of scikit-learn, what the examples and the benchmarks use.
__version__: str

def set_config(*, assume_finite: bool | None = None) -> None: ...
