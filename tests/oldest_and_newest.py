"""A core of the tests with the oldest and the newest Numba, or scikit-learn, that pyproject.toml allows.

``python tests/oldest_and_newest.py`` makes a virtual environment for each by pip, with a NumPy that suits it, runs the
tests, and prints a table. It exits with 1 if a test fails. It takes ten minutes for each on two cores, and for
``--package scikit-learn``, which runs tests/sklearn, two.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = ["tests/compiler", "tests/numerics", "tests/equations", "tests/optimizers", "tests/training/test_train.py",
        "tests/njit/test_functions.py"]  # fmt: skip
TOOLS = ["hypothesis", "pytest", "scipy"]
VERSIONS = ["numba", "llvmlite", "numpy", "scikit-learn"]  # in the table
TESTS = {"numba": CORE, "scikit-learn": ["tests/sklearn"]}
# Packages of the time of scikit-learn's oldest, which doesn't say how new they may be.
OF_ITS_TIME = ["numpy==2.0.*", "numba==0.62.*", "scipy==1.13.*", "pandas==2.2.3", "pytest==8.*"]


def allowed(package: str) -> tuple[str, str]:
    """What pip needs for the oldest version of a package, and for the newest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["sklearn"]]
    requirement = next(name for name in requirements if name.startswith(package))
    oldest = re.search(r">=([\d.]+)", requirement)
    assert oldest is not None
    if package == "scikit-learn":
        return " ".join([f"{package}=={oldest[1]}", *OF_ITS_TIME]), f"{requirement} numba pandas rich"

    return f"{package}=={oldest[1]}.*", requirement


def run(requirement: str, folder: Path, tests: list[str]) -> tuple[list[str], bool]:
    """A row of the table, and whether all tests pass; pytest's output goes to the terminal as it comes."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *requirement.split(), *TOOLS], check=True)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "freeze"], check=True, capture_output=True, text=True
    )
    installed = dict(line.split("==") for line in listed.stdout.split())
    versions = [installed.get(name, "-") for name in VERSIONS]

    begin = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder / "cache"), "CI": "true"}
    process = subprocess.Popen(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last

    return [*versions, last, f"{time.monotonic() - begin:.0f} s"], process.wait() == 0


def main() -> None:
    """Read the arguments, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", choices=TESTS, default="numba")
    parser.add_argument("--require", action="append", help="what pip installs instead of the two; may be repeated")
    parser.add_argument("--folder", type=Path, help="where the environments are, or will be; a temporary one")
    parser.add_argument("tests", nargs="*", help=f"what pytest runs, instead of {' '.join(CORE)}")
    options = parser.parse_args()
    tests = options.tests or TESTS[options.package]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        all_of = options.require or allowed(options.package)
        results = [run(name, folder / re.sub(r"\W+", "_", name)[:40], tests) for name in all_of]
    for cells in ([*VERSIONS, "tests", "time"], *(row for row, _ in results)):
        print("{:8} {:9} {:8} {:12} {:50} {}".format(*cells))
    sys.exit(0 if all(passes for _, passes in results) else 1)


if __name__ == "__main__":
    main()
