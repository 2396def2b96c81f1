"""Optional packages, which only some functions need."""

import os
import threading
from importlib import import_module
from typing import Any, Final

# A fork waits: the child could never import what another thread is importing.
importing: Final = threading.RLock()
os.register_at_fork(before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release)


def extra(module: str, what: str, name: str = "") -> Any:
    """Import a module of an optional package, which `what` needs; the extra `name`, or that of its own name, has it."""
    package = module.partition(".")[0]
    try:
        with importing:
            return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is installed, and lacks a dependency
        raise ModuleNotFoundError(
            f"{what} needs the package {package}: pip install 'fnn[{name or package}]'", name=package
        ) from None
