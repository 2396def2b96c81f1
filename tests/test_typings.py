"""Every name that a stub in typings/ declares exists at run time."""

import ast
import importlib
import re
from collections.abc import Iterator
from inspect import getsource
from pathlib import Path
from typing import Any

import pytest

TYPINGS = Path(__file__).parents[1] / "typings"
STUBS = sorted(TYPINGS.rglob("*.pyi"))


def module_name(stub: Path) -> str:
    return ".".join(stub.relative_to(TYPINGS).with_suffix("").parts).removesuffix(".__init__")


def declared(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """The public names of a stub's module or class, each with its statement."""
    for statement in body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef():
                only_for_checkers = any("type_check_only" in ast.unparse(d) for d in statement.decorator_list)
                names = [] if only_for_checkers else [statement.name]
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                names = [name]
            case ast.ImportFrom(names=imported):
                names = [alias.asname for alias in imported if alias.asname]
            case _:
                names = []
        yield from ((name, statement) for name in names if not name.startswith("_"))


def has(cls: type[Any], name: str) -> bool:
    """Whether the class or its instances have the attribute; an abstract class may leave it to all its subclasses."""
    subclasses = cls.__subclasses__()

    return (
        hasattr(cls, name)
        or any(is_set_in(base, name) for base in cls.__mro__)
        or (bool(subclasses) and all(has(subclass, name) for subclass in subclasses))
    )


def is_set_in(cls: type[Any], name: str) -> bool:
    """Whether a method of the class sets the attribute."""
    try:
        return re.search(rf"\bself\.{name}\b[^=\n]*=[^=]", getsource(cls)) is not None
    except (OSError, TypeError):  # written in C
        return False


def missing(stub: Path) -> list[str]:
    """The names that the stub declares and the module lacks."""
    name = module_name(stub)
    module = importlib.import_module(name)
    absent = []
    for attribute, statement in declared(ast.parse(stub.read_text(encoding="utf-8")).body):
        if not hasattr(module, attribute):
            absent.append(f"{name}.{attribute}")
        elif isinstance(statement, ast.ClassDef):
            cls = getattr(module, attribute)
            absent += [f"{name}.{attribute}.{m}" for m, _ in declared(statement.body) if not has(cls, m)]

    return absent


@pytest.mark.parametrize("stub", STUBS, ids=module_name)
def test_every_stubbed_name_exists(stub: Path) -> None:
    if module_name(stub) == "sklearn.callback":
        pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    assert missing(stub) == []


def test_a_name_that_does_not_exist_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.TYPINGS", tmp_path)
    stub = tmp_path / "numba" / "types.pyi"
    stub.parent.mkdir()
    stub.write_text(
        "from x import none as none, nine as nine\nfloat31: int\n"
        "class Float:\n    bitwidth: int\n    bitdepth: int\n    def key(self): ...\n    def lock(self): ...\n"
    )

    assert missing(stub) == [f"numba.types.{name}" for name in ("nine", "float31", "Float.bitdepth", "Float.lock")]
