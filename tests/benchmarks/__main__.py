"""The command: ``python -m tests.benchmarks``, run from the top of the project."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import (
    all_cores,
    c_source,
    calls,
    check,
    data,
    ensemble,
    limits,
    machine,
    nielsen,
    normal_matrix,
    one_core,
    processes,
    quantized,
    recipes,
    report,
    scaling,
    steps,
)
from .measure import Settings
from .tables import Table, markdown

# In the order in which they run; `scaling` uses the result of `limits`.
SECTIONS: dict[str, Callable[[Settings], Table]] = {
    "steps": steps.measure,
    "one_core": one_core.measure,
    "all_cores": all_cores.measure,
    "limits": limits.measure,
    "normal_matrix": normal_matrix.measure,
    "calls": calls.measure,
    "quantized": quantized.measure,
    "ensemble": ensemble.measure,
    "c": c_source.measure,
    "processes": processes.measure,
    "nielsen": nielsen.measure,
    "recipes": recipes.measure,
}
NAMES = (*SECTIONS, "scaling")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with MNIST's four IDX files (default: FNN_MNIST, else noise)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--repeats", type=int, default=5, help="rounds A B C A B C (default 5)")
    parser.add_argument("--quick", action="store_true", help="one short round, for trying it out")
    parser.add_argument("--check", action="store_true", help="only check that all peers compute the same")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks"), help="where the results go")

    return parser.parse_args()


def sections(names: list[str], settings: Settings) -> list[Table]:
    """Measure and print one after another."""
    tables: list[Table] = []
    for name in (n for n in NAMES if n in names):
        begin = time.perf_counter()
        if name == "scaling":
            best = next((t.raw["best"] for t in tables if t.name == "limits"), None)
            table = scaling.measure(settings, best if isinstance(best, float) else None)
        else:
            table = SECTIONS[name](settings)
        tables.append(table)
        print(markdown(table), flush=True)
        print(f"({name} took {time.perf_counter() - begin:.0f} s)\n", file=sys.stderr, flush=True)

    return tables


def main() -> None:
    """Prepare the data, measure, report."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        kind = data.prepare(options.data, Path(folder))
        repeats, seconds = (1, 0.1) if options.quick else (options.repeats, 1.0)
        settings = Settings(repeats, seconds, options.quick, folder, machine.cores())
        head = [*machine.describe(), f"{kind}; medians of {repeats}"]
        print("\n".join(head), end="\n\n", flush=True)
        if options.check:
            table = check.measure(settings)
            print(markdown(table))
            sys.exit(any("NO" in row[-1] or "yes" not in row[-1] for row in table.rows))
        names = list(options.only)
        if "scaling" in names and "limits" not in names:
            names.append("limits")
        tables = sections(names, settings)
        print("written:", *report.write(options.out, head, tables))


if __name__ == "__main__":
    main()
