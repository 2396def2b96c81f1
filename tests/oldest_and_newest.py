"""A core of the tests with the oldest and the newest Numba that pyproject.toml allows.

``python tests/oldest_and_newest.py`` makes a virtual environment for each by pip, with a NumPy that suits it, runs the
tests, and prints a table. It exits with 1 if a test fails. It takes ten minutes for each on two cores.
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


def allowed() -> tuple[str, str]:
    """The oldest version of Numba, and the requirement that the newest fulfils."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirement = next(name for name in project["dependencies"] if name.startswith("numba"))
    oldest = re.search(r">=([\d.]+)", requirement)
    assert oldest is not None

    return f"numba=={oldest[1]}.*", requirement


def run(requirement: str, folder: Path, tests: list[str]) -> tuple[list[str], bool]:
    """A row of the table, and whether all tests pass; pytest's output goes to the terminal as it comes."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", requirement, *TOOLS], check=True)
    code = "import numba, llvmlite, numpy; print(numba.__version__, llvmlite.__version__, numpy.__version__)"
    versions = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.split()

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
    parser.add_argument("--numba", action="append", help="a requirement for pip instead of the two; may be repeated")
    parser.add_argument("--folder", type=Path, help="where the environments are, or will be; a temporary one")
    parser.add_argument("tests", nargs="*", default=CORE, help=f"what pytest runs: {' '.join(CORE)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        results = [run(name, folder / re.sub(r"\W+", "_", name), options.tests) for name in options.numba or allowed()]
    for cells in (["numba", "llvmlite", "numpy", "tests", "time"], *(row for row, _ in results)):
        print("{:8} {:9} {:8} {:50} {}".format(*cells))
    sys.exit(0 if all(passes for _, passes in results) else 1)


if __name__ == "__main__":
    main()
