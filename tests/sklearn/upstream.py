"""scikit-learn's own tests of its MLPs, run on fnn's: ``python -m tests.sklearn.upstream``.

Takes the test file of the installed scikit-learn, changes the line that imports the estimators, runs it by pytest in a
temporary folder, and prints which tests fail, in about 20 s. Exits with 1 if one fails that doesn't reach into private
names, or if one that does passes.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
LINE: Final = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
FIXTURES: Final = """
import pytest

@pytest.fixture(params=[0, 42])
def global_random_seed(request):
    return request.param
"""
# What a test reaches into that isn't scikit-learn's public face, and is otherwise here.
PRIVATE: Final = {
    "test_fit": "coefs_, intercepts_ and _coef_velocity, which it sets",
    "test_gradient": "_loss_grad_lbfgs",
    "test_learning_rate_warmstart": "_optimizer",
    "test_adaptive_learning_rate": "_optimizer",
}


def source() -> str:
    """The test file of the installed scikit-learn, with the estimators of fnn."""
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    assert text.count(LINE) == 1, "the file imports its estimators in another way"

    return text.replace(LINE, LINE.replace("sklearn.neural_network", "fnn.sklearn"))


def run(folder: Path, more: list[str]) -> dict[str, str]:
    """The outcome of each test: "passed", "skipped", or the message of its failure."""
    (folder / "test_mlp.py").write_text(source(), encoding="utf-8")
    (folder / "conftest.py").write_text(FIXTURES, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # none of fnn's own options
    report = folder / "report.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, f"--junit-xml={report}",
         "test_mlp.py", *more],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    outcomes = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        bad = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped") is not None
        text = bad[0].get("message", "").split("\n")[0] if bad else "skipped" if skipped else "passed"
        outcomes[case.get("name", "")] = text

    return outcomes


def main() -> int:
    """Run all, and print what fails; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.sklearn.upstream", description=__doc__)
    parser.add_argument("options", nargs="*", help="more options for pytest, behind --")
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(Path(folder), parser.parse_args().options)
    wrong = 0
    for name, outcome in outcomes.items():
        private = PRIVATE.get(name.split("[")[0])
        failed = outcome not in ("passed", "skipped")
        if failed or private:
            print(f"{name}: {outcome[:150]}" + (f" (reaches into {private})" if private else ""))
        wrong += outcome != "skipped" and failed == (private is None)
    passed = sum(outcome in ("passed", "skipped") for outcome in outcomes.values())
    print(f"{len(outcomes)} tests: {passed} passed, {len(outcomes) - passed} failed, {wrong} not as expected")

    return 1 if wrong or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
