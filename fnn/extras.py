"""Packages that only some functions need."""

from importlib import import_module
from typing import Any


def extra(module: str, what: str) -> Any:
    """The module of a package that isn't one of fnn's dependencies; ModuleNotFoundError that says how to get it."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is there, and lacks something itself
        raise ModuleNotFoundError(
            f"{what} needs the package {package}: pip install 'fnn[{package}]'", name=package
        ) from None
