"""The page *Coming from another library*: its names exist, its calls run, and its examples tell what they say."""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

import fnn
import fnn.plots

PAGE = Path(__file__).parents[2] / ".ci/site/coming_from.md"
LIBRARIES = ("PyTorch", "Keras", "scikit-learn", "MATLAB", "FANN")
ARGUMENTS = {name for f in (fnn.init, fnn.train) for name in inspect.signature(f).parameters}


def section(library: str) -> str:
    """The text below its heading."""
    return PAGE.read_text(encoding="utf-8").split(f"## From {library}\n", 1)[1].split("\n## ", 1)[0]


def cells(library: str, column: int) -> list[str]:
    """A column of its table, without the head."""
    rows = [line.strip("| ").split(" | ") for line in section(library).splitlines() if line.startswith("| ")]
    assert all(len(row) == 2 for row in rows)

    return [row[column] for row in rows if row != [library, "fnn"]]


def spans(text: str) -> list[str]:
    return re.findall(r"(?<!`)`([^`]+)`(?!`)", text)


def python(span: str) -> ast.Module:
    """Two dots stand for arguments that don't matter."""
    return ast.parse(re.sub(r"(?<!\.)\.\.(?!\.)", "...", span))


def is_whole(tree: ast.Module) -> bool:
    return not any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(tree))


def require_names(tree: ast.Module, namespace: dict[str, Any], *, known_only: bool = False) -> None:
    """Every name exists, and so does every argument that is given by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not known_only:
            assert node.id in {**namespace, **vars(builtins)}, node.id
        if isinstance(node, ast.Attribute | ast.Call):
            text = ast.unparse(node.func if isinstance(node, ast.Call) else node)
            if re.fullmatch(r"\w+(\.\w+)+", text) and text.split(".")[0] in namespace:
                found = eval(text, namespace)
                for keyword in node.keywords if isinstance(node, ast.Call) else ():
                    assert keyword.arg in inspect.signature(found).parameters, f"{text}({keyword.arg}=)"


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the calls of the page are made with, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    Path("xor.data").write_text("4 2 1\n0 0\n0\n0 1\n1\n1 0\n1\n1 1\n0\n")
    x, y = np.random.default_rng(0).random((6, 4)), np.array([0, 1, 1, 0, 1, 0])
    params = fnn.init((4, 5, 1), seed=0, hidden=fnn.tanh, output=fnn.identity)
    run = fnn.train(params, x, y, optimizer=fnn.levenberg_marquardt(bayesian=True), epochs=2)
    model = MLPClassifier((2,), max_iter=20, tol=0.9, random_state=0).fit(x, y)
    state = fnn.to_torch(params)

    return {
        "fnn": fnn, "np": np, "Path": Path, "x": x, "y": y, "labels": y, "w": np.ones(6), "params": params, "run": run,
        "model": model, "state": state, "print": lambda *_: None,
    }  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_said_of_fnn_runs(library: str, namespace: dict[str, Any]) -> None:
    if library == "FANN":
        namespace["y"] = namespace["y"][:, None]  # its outputs have a column each
    told = [span for cell in cells(library, 1) for span in spans(cell)]
    assert len(told) > 20
    for span in told:
        if span in ARGUMENTS:
            continue
        tree = python(span)
        require_names(tree, namespace)
        for node in tree.body:
            if isinstance(node, ast.Assign) and (name := ast.unparse(node.targets[0])) != "run":
                assert name in ARGUMENTS, span
        if is_whole(tree):
            exec(compile(tree, span, "exec"), dict(namespace))


def test_every_name_in_the_text_exists(namespace: dict[str, Any]) -> None:
    prose = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "fnn." in line and line[:2] != "| "]
    for span in spans("\n".join(prose)):
        if "fnn." in span:
            require_names(python(span), namespace)


def blocks() -> Iterator[str]:
    """The blocks of code, in their order."""
    yield from re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_examples() -> None:
    text = "\n".join(block for block in blocks() if block.startswith(">>>"))
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) > 10
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


def test_names_of_scikit_learn(namespace: dict[str, Any]) -> None:
    """Parameters, methods, and attributes of what is fitted."""
    model = MLPClassifier((2,), max_iter=20, tol=0.9, random_state=0).fit(namespace["x"], namespace["y"])
    matches = [re.match(r"(\w+)[=([]", span) for cell in cells("scikit-learn", 0) for span in spans(cell)]
    names = {match[1] for match in matches if match} - {"MLPClassifier", "sample_weight"}
    assert len(names) > 15
    assert [name for name in names if not hasattr(model, name)] == []


def test_names_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    known = {"torch": torch, "nn": torch.nn, "optim": torch.optim}
    for cell in cells("PyTorch", 0):
        for span in spans(cell):
            require_names(python(span), known, known_only=True)


def test_pytorch_ends_at_the_same_weights() -> None:
    """From the weights that its own model starts from, by the calls of the page."""
    torch = pytest.importorskip("torch")
    theirs, ours = (block for block in blocks() if "SGD(model" in block or "fnn.momentum(" in block)
    data = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]

    def trained(code: str) -> Any:
        torch.manual_seed(0)
        names = {"torch": torch, "nn": torch.nn, "x": torch.tensor(data[0]), "y": torch.tensor(data[1])}
        exec(code, names)
        return names["model"]

    options = {"hidden": fnn.tanh, "output": fnn.identity}
    start = fnn.from_torch(trained(theirs.replace("range(500)", "range(0)")).state_dict(), **options)
    names: dict[str, Any] = {"fnn": fnn, "start": start}
    for example in doctest.DocTestParser().get_examples(ours):
        if not example.source.startswith("start = "):
            exec(example.source, names)
    end = fnn.from_torch(trained(theirs).state_dict(), **options)
    np.testing.assert_allclose(names["run"].params.flat, end.flat, atol=1e-4)
