# Of llvmlite, what fnn and its tests use.
__version__: str
