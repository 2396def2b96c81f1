"""What `import fnn` does, and what it leaves to those who ask for it."""

import ast
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fnn

INIT = Path(fnn.__file__).read_text(encoding="utf-8")
OTHERS = ("jax", "matplotlib", "mpi4py", "onnx", "pandas", "safetensors", "scipy", "sklearn", "torch", "tqdm")
LATER = (
    "check_grad",
    "derivatives",
    "display",
    "export",
    "idx",
    "jacobians",
    "many",
    "njit",
    "quantize",
    "quantized",
    "saving",
    "shard_memory",
    "sharded",
)


def run(code: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    return done.stdout.strip()


def reexported() -> dict[str, str]:
    """Every public name but those of packages, and its module, as type checkers read them."""
    imports = [node for node in ast.walk(ast.parse(INIT)) if isinstance(node, ast.ImportFrom)]

    return {
        name.name: node.module
        for node in imports
        for name in node.names
        if node.module not in (None, "fnn") and name.asname == name.name
    }


def test_import_leaves_out() -> None:
    # SciPy is not fnn's doing: Numba imports it where it is installed.
    code = "import sys, numba; before = set(sys.modules); import fnn; print(*set(sys.modules) - before)"
    loaded = run(code).split()

    assert not {name.partition(".")[0] for name in loaded} & set(OTHERS)
    assert not [name for name in loaded if name.startswith("fnn.") and set(name.split(".")) & set(LATER)]
    assert "fnn.training.train" in loaded


@pytest.mark.parametrize("name, module", reexported().items())
def test_every_name_is_that_of_its_module(name: str, module: str) -> None:
    assert getattr(fnn, name) is getattr(__import__(module, fromlist=[name]), name)
    assert name in dir(fnn)


def test_help_and_dir_show_the_public_names() -> None:
    assert fnn.__doc__ is not None
    assert set(reexported()) - set(re.findall(r"\w+", fnn.__doc__)) == set()
    assert dir(fnn) == sorted(reexported())


def test_help_of_the_package_is_one_screen_and_of_every_name_renders() -> None:
    assert len(pydoc.plain(pydoc.render_doc(fnn)).splitlines()) <= 60
    for name in dir(fnn):
        assert name in pydoc.plain(pydoc.render_doc(getattr(fnn, name), f"fnn.{name}: %s"))


def test_other_names() -> None:
    with pytest.raises(AttributeError, match=r"module 'fnn' has no attribute 'nothing'"):
        vars(fnn)["__getattr__"]("nothing")
