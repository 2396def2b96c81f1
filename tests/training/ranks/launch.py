"""Programs under a real ``mpiexec``, those of MPICH and of Open MPI.

Both come as wheels (extra ``test``), and go into one environment: of what has the same name in both, only the library
and the launchers matter, which have names of their own, too: ``mpiexec.hydra`` and ``libmpi.so.12`` are MPICH's,
``prterun`` and ``libmpi.so.40`` Open MPI's. mpi4py works with either, by the variable MPI4PY_LIBMPI.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import pytest

Mpi: TypeAlias = Literal["mpich", "openmpi"]

ROOT: Final = Path(__file__).parents[3]
_ENVIRONMENT: Final = Path(sys.prefix)
_LAUNCHERS: Final = {"mpich": "mpiexec.hydra", "openmpi": "prterun"}
_LIBRARIES: Final = {"mpich": "libmpi.so.12", "openmpi": "libmpi.so.40"}
_VARIABLES: Final = {
    "PYTHONPATH": str(ROOT),
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}


class Ended(NamedTuple):
    """How a program ended, and what its ranks printed."""

    status: int
    output: str
    errors: str


def start(n: int, *command: str, mpi: Mpi) -> subprocess.Popen[str]:
    """Start ``python command..`` in n ranks, in a session of their own; skip the test where the MPI isn't installed."""
    pytest.importorskip("mpi4py")
    launcher, library = _ENVIRONMENT / "bin" / _LAUNCHERS[mpi], _ENVIRONMENT / "lib" / _LIBRARIES[mpi]
    if not (launcher.exists() and library.exists()):
        pytest.skip(f"needs {mpi}: pip install {mpi}")
    environment = os.environ | _VARIABLES | {"MPI4PY_LIBMPI": str(library)}

    return subprocess.Popen(
        [launcher, "-n", str(n), sys.executable, "-W", "error", *command],
        cwd=ROOT, env=environment, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], *, seconds: float = 60.0) -> Ended:
    """Wait for a program's end; after some seconds kill it, with all its ranks, and fail."""
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        stop(process)
        output, errors = process.communicate()
        raise AssertionError(f"no end after {seconds} seconds\n{output}\n{errors}") from None

    return Ended(process.returncode, output, errors)


def stop(process: subprocess.Popen[str]) -> None:
    """End a program with all its ranks, unless it has ended."""
    if process.poll() is None:
        process.terminate()  # the launcher ends its ranks, which may be in sessions of their own
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def mpirun(n: int, *command: str, mpi: Mpi, seconds: float = 60.0) -> str:
    """Run ``python command..`` in n ranks, and return what they print; an error if one of them fails."""
    status, output, errors = ended(start(n, *command, mpi=mpi), seconds=seconds)
    assert status == 0, f"status {status}\n{output}\n{errors}"

    return output
