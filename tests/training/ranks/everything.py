"""The tests of runs on ranks with all that a gate has no time for: ``python -m tests.training.ranks.everything``.

Each of `runs.RUNS` on 1, 2, 3, 4 and 7 ranks, and one of three ranks killed at random moments, from where 1, 2 or 7
ranks go on: with MPICH and with Open MPI. Exits with 1 unless all bits are as they should be.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.training.ranks.launch import Mpi, mpirun
from tests.training.ranks.test_train import (
    PROGRAM,
    alone,
    digests_of_ranks,
    goes_on_to_the_bit,
    kill_one_of_three,
)

MPIS: tuple[Mpi, Mpi] = "mpich", "openmpi"


def main() -> None:
    """Try everything, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="with each MPI")
    options = parser.parse_args()
    failures, wanted = 0, alone(1)
    for threads in (2, 4):
        failures += alone(threads) != wanted
    for mpi in MPIS:
        for ranks in (1, 2, 3, 4, 7):
            found = json.loads(mpirun(ranks, "-m", PROGRAM, mpi=mpi, seconds=300))
            is_right = found == {name: [bits] * ranks for name, bits in wanted.items()}
            print(f"{mpi}, {ranks} ranks: {'the same bits' if is_right else 'OTHER BITS'}", flush=True)
            failures += not is_right
        for kill in range(options.kills):
            failures += not has_gone_on(mpi, kill)
    sys.exit(failures > 0)


def has_gone_on(mpi: Mpi, kill: int) -> bool:
    """Whether a run whose rank was killed ends soon, and goes on to the bits of one that was left alone."""
    with tempfile.TemporaryDirectory() as folder:
        path, ranks, began = Path(folder) / "run.npz", (1, 2, 7)[kill % 3], time.monotonic()
        try:
            kill_one_of_three(path, mpi, random.Random(kill))
            goes_on_to_the_bit(path, lambda epochs: digests_of_ranks(path, epochs, ranks, mpi))
        except AssertionError as error:
            print(f"{mpi}, kill {kill}, then {ranks} ranks: {error}", flush=True)
            return False
    print(f"{mpi}, kill {kill}, then {ranks} ranks: the same bits, {time.monotonic() - began:.0f} s", flush=True)

    return True


if __name__ == "__main__":
    main()
