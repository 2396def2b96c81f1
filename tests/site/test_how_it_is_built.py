"""The docstrings that *How it is built* shows: their figures are the code's, and what they name exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import fnn
from fnn.network.kernels.plan import CHAIN, GROUP
from fnn.numerics.dot import CHAINS
from fnn.training.steppers.call_tuner import CALL, LONGEST

FOLDER = Path(fnn.__file__).parent
FIGURES = {
    "fnn.training": [f"{1000 * CALL:.0f} to {1000 * CALL * LONGEST:.0f} ms"],
    "fnn.training.kernels": [f"{CHAIN} cases\n  (CHAIN)", f"a GROUP, {GROUP // CHAIN},"],
    "fnn.numerics": [f"{CHAINS} chains in float64"],
    "fnn.compiler": ["five ways"],
}


@cache
def defined() -> set[str]:
    """Names of all functions, classes and decorators of fnn, and of its public ones."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FOLDER.rglob("*.py")]
    kinds = ast.FunctionDef | ast.ClassDef

    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)} | set(dir(fnn))


@pytest.mark.parametrize("module", FIGURES)
def test_docstrings(module: str) -> None:
    text = import_module(module).__doc__ or ""
    shown = "\n\n".join(text.split("\n\n")[:3]) if module == "fnn.compiler" else text
    for figure in FIGURES[module]:
        assert figure in shown
    names = re.findall(r"(?<!`)`([\w.]+)`(?!`)", shown)
    assert names
    for name in names:
        inside = FOLDER.parent.joinpath(*f"{module}.{name}".split("."))
        is_module = inside.is_dir() or inside.with_suffix(".py").is_file() or (name[:4] == "fnn." and find_spec(name))
        assert is_module or name in defined(), name
