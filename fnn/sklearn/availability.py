"""The scikit-learn that is installed: checked before anything of it is imported."""

import re
from typing import Final

from fnn.boundary.extras import extra

OLDEST: Final = (1, 6)

_version: str = extra("sklearn", "fnn.sklearn").__version__
VERSION: Final = tuple(int(number) for number in re.findall(r"\d+", _version)[:2])
if VERSION < OLDEST:
    raise ImportError(
        f"fnn.sklearn needs scikit-learn {OLDEST[0]}.{OLDEST[1]} or newer, got {_version}: pip install 'fnn[sklearn]'"
    )
