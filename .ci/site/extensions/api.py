"""Pages of the public names, by the kinds under which `help(fnn)` lists them."""

import re
from pathlib import Path
from shutil import rmtree

from sphinx.application import Sphinx
from sphinx.config import Config

import fnn
import fnn.plots
import fnn.sklearn


def kinds(docstring: str) -> dict[str, list[str]]:
    """The names under each heading of the docstring, in its order."""
    public = set(dir(fnn))
    parts = re.findall(r"^(\w[\w ]*)\n((?: {4}.*\n?)+)", docstring, re.MULTILINE)
    return {kind: [name for name in re.findall(r"\w+", text) if name in public] for kind, text in parts}


def page(title: str, names: list[str], above: str = "") -> str:
    """A page with a table of names, each with a page of its own."""
    listed = "\n".join(f"   {name}" for name in names)
    head = f"{title}\n{'=' * len(title)}\n\n{above}\n\n.. currentmodule:: fnn\n\n"
    return f"{head}.. autosummary::\n   :toctree: {re.sub('[^a-z]+', '_', title.lower())}\n\n{listed}\n"


def write(app: Sphinx, config: Config) -> None:
    pages = {kind.lower().replace(" ", "_"): page(kind, names) for kind, names in kinds(fnn.__doc__ or "").items()}
    for package in (fnn.plots, fnn.sklearn):
        name = package.__name__.removeprefix("fnn.")
        pages[name] = page(package.__name__, [f"{name}.{of}" for of in package.__all__], f".. automodule:: fnn.{name}")
    folder = Path(app.srcdir, "api")
    rmtree(folder, ignore_errors=True)  # a name that is gone must not stay
    folder.mkdir()
    listed = "\n".join(f"   {name}" for name in pages)
    pages["index"] = f"API by kind\n===========\n\n.. toctree::\n   :maxdepth: 2\n\n{listed}\n"
    for name, text in pages.items():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    config.autosummary_generate = [str(folder / f"{name}.rst") for name in pages]


def as_written(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """In docstrings bars are those of absolute values, and what is indented is code."""
    lines[:] = [line if line[:1] in " >" or "`" in line else line.replace("|", r"\|") for line in lines]
    for at in range(len(lines) - 1, 1, -1):
        above = next((line for line in reversed(lines[:at]) if line), " ")
        is_quote = lines[at].startswith("    ") and not lines[at - 1] and above[0] != " "
        if is_quote and not above.startswith("..") and not above.endswith("::"):
            lines[at:at] = ["::", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    app.connect("autodoc-process-docstring", as_written, priority=100)  # before numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}
