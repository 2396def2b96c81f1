"""Hammer fnn from several threads at once, under each of Numba's threading layers: ``python -m tests.concurrency``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .hammer import MARGIN

ROOT = Path(__file__).parents[2]
LAYERS = ("workqueue", "omp", "tbb")
MISSING = "No threading layer could be loaded"


def hammer(layer: str, threads: int, seconds: float) -> dict[str, Any]:
    """What came of it, or under "failed" how the process ended; None stands there for a layer that isn't installed."""
    command = [sys.executable, "-m", "tests.concurrency.hammer", layer, str(threads), str(seconds)]
    environment = os.environ | {"NUMBA_NUM_THREADS": str(max(2, os.cpu_count() or 1))}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=seconds + 10 * MARGIN
    )
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    if MISSING in done.stderr:
        return {"failed": None}

    return {"failed": f"exit code {done.returncode}: {done.stderr.strip()}"}


def main() -> None:
    """Each layer in turn."""
    parser = argparse.ArgumentParser(prog="python -m tests.concurrency", description=__doc__.split(":")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each layer (default 60)")
    parser.add_argument("--threads", type=int, default=8, help="at once (default 8)")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=LAYERS, help="default: all")
    options = parser.parse_args()
    is_good = True
    for layer in options.layers:
        found = hammer(layer, options.threads, options.seconds)
        if "failed" in found:
            is_good &= found["failed"] is None
            print(f"{layer}: {found['failed'] or 'not installed'}", flush=True)
            continue
        is_good &= found["different"] == 0 and found["layer"] == layer
        calls = ", ".join(f"{name} {count}" for name, count in found["calls"].items())
        print(
            f"{found['layer']}: {sum(found['calls'].values())} jobs, {found['different']} with other bits, "
            f"the slowest {found['slowest']:.2f} s ({calls})",
            flush=True,
        )
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
