"""What *How it is built* shows: the staircase of packages, from pyproject.toml, and docstrings of modules.

``.. staircase::`` has a step for each layer of the import contract, and in it the packages, each with the first
paragraph of its docstring. ``.. docstring:: fnn.compiler`` is that of a module, which isn't imported; ``:first:`` and
``:last:``, counted from 1, show some of its paragraphs.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[3]


def path_of(module: str) -> Path:
    """The file of a module or package."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def paragraphs(module: str) -> list[str]:
    """Those of its docstring."""
    return (ast.get_docstring(ast.parse(path_of(module).read_text(encoding="utf-8"))) or "").split("\n\n")


def layers() -> list[list[str]]:
    """The packages of each layer, from the top down."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    found = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [layer.split(" | ") for layer in found]


class Docstring(SphinxDirective):
    """The docstring of a module, or some of its paragraphs."""

    required_arguments = 1
    option_spec: ClassVar = {"first": directives.positive_int, "last": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        """Read it as reStructuredText."""
        return self._parsed(self.arguments[0], self.options.get("first", 1), self.options.get("last"))

    def _parsed(self, module: str, first: int, last: int | None) -> list[nodes.Node]:
        path = str(path_of(module))
        self.env.note_dependency(path)
        lines = "\n\n".join(paragraphs(module)[first - 1 : last]).splitlines()
        node = nodes.container()
        self.state.nested_parse(StringList(lines, path), 0, node)
        return node.children


class Staircase(Docstring):
    """The packages, each layer a step."""

    required_arguments = 0

    def run(self) -> list[nodes.Node]:
        """Build it from the top down; each step goes further to the left than the one above."""
        self.env.note_dependency(str(ROOT / "pyproject.toml"))
        found = layers()
        rises = "".join(
            f".stair:nth-child({number}) {{ margin-left: calc({len(found) - number} * clamp(.25rem, 1.1vw, 1.1rem)); }}"
            for number in range(1, len(found) + 1)
        )
        staircase = nodes.container("", *map(self._stair, found), classes=["staircase"])
        return [nodes.raw("", f"<style>{rises}</style>", format="html"), staircase]

    def _stair(self, packages: list[str]) -> nodes.Node:
        return nodes.container("", *self._boxes(packages), classes=["stair"])

    def _boxes(self, packages: list[str]) -> Iterator[nodes.Node]:
        for package in packages:
            name = nodes.paragraph("", package, classes=["package"])
            yield nodes.container("", name, *self._parsed(package, 1, 1))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("docstring", Docstring)
    app.add_directive("staircase", Staircase)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
