"""How values show themselves in notebooks, without a lower package importing a higher one.

`fnn.display.notebook`, above them, knows how; it is imported when a notebook first asks a value for its HTML.
"""

from collections.abc import Callable
from typing import Any, Final

from fnn.boundary.extras import importing

_load: Final[list[Callable[[], Any]]] = []


def provide(load: Callable[[], Any]) -> None:
    """Set a function that returns the module whose `html_of` knows how."""
    _load.append(load)


def html_of(value: object) -> str:
    """What a notebook shows for a value, as HTML."""
    with importing:
        module = _load[-1]()
    html: str = module.html_of(value)

    return html
