from contextlib import AbstractContextManager
from typing import Any

global_compiler_lock: AbstractContextManager[Any]
