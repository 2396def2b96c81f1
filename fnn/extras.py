"""Packages that only some functions need."""

from importlib import import_module
from typing import Any


def extra(module: str, what: str, name: str = "") -> Any:
    """The module of an optional package; ModuleNotFoundError that tells the extra of fnn, its name or the package's."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is there, and lacks something itself
        raise ModuleNotFoundError(
            f"{what} needs the package {package}: pip install 'fnn[{name or package}]'", name=package
        ) from None
