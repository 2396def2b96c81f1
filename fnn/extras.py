"""Optional packages, which only some functions need."""

from importlib import import_module
from typing import Any


def extra(module: str, what: str, name: str = "") -> Any:
    """Import a module of an optional package, which `what` needs; the extra `name`, or that of its own name, has it."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is installed, and lacks a dependency
        raise ModuleNotFoundError(
            f"{what} needs the package {package}: pip install 'fnn[{name or package}]'", name=package
        ) from None
