"""Standard error as the user sees it: whether a terminal or a notebook shows it, its width, and how to write to it.

Programs replace it by a logger with a few methods, close it, or have none.
"""

import os
import sys


def in_notebook() -> bool:
    """Whether the program is a notebook."""
    ipython = sys.modules.get("IPython")
    try:
        return ipython is not None and "IPKernelApp" in ipython.get_ipython().config
    except Exception:  # IPython's shell, or none
        return False


def is_shown() -> bool:
    """Whether a terminal or a notebook shows standard error."""
    try:
        return bool(sys.stderr.isatty()) or in_notebook()
    except Exception:  # it is None, closed, or something else that can't tell
        return False


def columns() -> int:
    """The width of the terminal that shows standard error; 80 if it is unknown."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except Exception:  # a notebook's has no file
        return 80


def write(text: str) -> None:
    """Write to standard error at once; raises what it raises."""
    sys.stderr.write(text)
    sys.stderr.flush()
