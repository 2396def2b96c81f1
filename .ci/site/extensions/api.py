"""Pages of the public names, by the kinds under which `help(fnn)` lists them."""

import re
from pathlib import Path
from textwrap import dedent

from sphinx.application import Sphinx
from sphinx.config import Config

import fnn
import fnn.plots
import fnn.sklearn

HEAD = """\
API by kind
===========

.. currentmodule:: fnn

"""


def kinds(docstring: str) -> dict[str, list[str]]:
    """The names under each heading of the docstring, in its order."""
    parts = re.findall(r"^(\w[\w ]*)\n((?: {4}.*\n?)+)", dedent(docstring), re.MULTILINE)
    public = set(dir(fnn))
    return {kind: [name for name in re.findall(r"[\w.]+", text) if name in public] for kind, text in parts}


def table(title: str, names: list[str], where: str = "") -> str:
    listed = "\n".join(f"   {where}{name}" for name in names)
    return f"{title}\n{'-' * len(title)}\n\n.. autosummary::\n   :toctree: api\n   :nosignatures:\n\n{listed}\n\n"


def write(app: Sphinx, config: Config) -> None:
    body = HEAD + "".join(table(kind, names) for kind, names in kinds(fnn.__doc__ or "").items() if names)
    body += table("fnn.plots", list(fnn.plots.__all__), "plots.")
    body += table("fnn.sklearn", list(fnn.sklearn.__all__), "sklearn.")
    Path(app.srcdir, "api.rst").write_text(body, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
