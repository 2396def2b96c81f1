"""The long run: ``python -m tests.fuzz --count 100000``. Needs some minutes; exits with 1 if anything went wrong.

Every file is given to its reader. What may come of it is a value or a ValueError that names the file, in less memory
than `ROOM` beyond what the process had at first (a limit of the operating system's, so that a file that promises
terabytes ends the run), at most 2 s, and no code that is in the file is run (the pickles among the seeds raise
SystemExit). A file that fails is kept, and named with the seed that makes it again.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from tests.fuzz.mutations import is_accepted, mutated
from tests.fuzz.seeds import Format, formats

CAPACITY = 256 << 20  # bytes


def limit_memory() -> None:
    """Let the process have this much more address space than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + CAPACITY,) * 2)


def fault_of(kind: Format, path: Path, content: bytes, outcomes: Counter[str]) -> str | None:
    """What went wrong with a file, if anything did."""
    start = time.perf_counter()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        outcomes["read" if is_accepted(kind, path, content) else "refused"] += 1
    except BaseException as error:  # whatever it is, a reader may not raise it
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    taken = tracemalloc.get_traced_memory()[1] - before
    outcomes["most bytes"] = max(outcomes["most bytes"], taken)
    if taken > 4_000_000 + 40 * len(content):
        return f"took {taken} bytes for a file of {len(content)}"
    if time.perf_counter() - start > 2:
        return f"took {time.perf_counter() - start:.1f} s"

    return None


def run(kind: Format, count: int, seed: int, folder: Path) -> int:
    """Try a number of mutations of a format's files; the number that failed."""
    path, outcomes, faults = folder / f"mutated{kind.suffix}", Counter[str](), 0
    start = time.perf_counter()
    for number in range(count):
        content = mutated(random.Random(f"{seed} {number}"), kind.seeds)
        fault = fault_of(kind, path, content, outcomes)
        if fault is not None:
            faults += 1
            kept = Path(f"fault-{seed}-{number}{kind.suffix}")
            kept.write_bytes(content)
            print(f"{kept}: {fault}", file=sys.stderr)
    print(
        f"{kind.suffix}: {count} files in {time.perf_counter() - start:.0f} s: {outcomes['refused']} refused, "
        f"{outcomes['read']} read, {faults} faults; at most {outcomes['most bytes'] / 1e6:.2f} MB for one"
    )

    return faults


def main() -> int:
    """The run; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="files of each format")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kinds = formats()
    tracemalloc.start()
    with tempfile.TemporaryDirectory() as name:
        for kind in kinds:
            is_accepted(kind, Path(name, f"good{kind.suffix}"), kind.good[0])  # imports, before memory is limited
        limit_memory()
        faults = sum(run(kind, options.count, options.seed, Path(name)) for kind in kinds)
    print(f"most resident memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")

    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
