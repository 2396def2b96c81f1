"""Runs the jobs of ranks: one in a process, more by ``mpiexec``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from ..measure import ROOT, ChildError, environment

_ENVIRONMENT: Final = Path(sys.prefix)
_LIBRARY: Final = _ENVIRONMENT / "lib" / "libmpi.so.12"  # MPICH's


def run(job: str, *, ranks: int = 1, **arguments: object) -> Any:
    """What rank 0 found."""
    command = [sys.executable, "-m", f"{__package__}.jobs", json.dumps({"job": job, **arguments})]
    if ranks > 1:
        command = [_launcher(), "-n", str(ranks), *command]
    variables = {"MPI4PY_LIBMPI": str(_LIBRARY)} if _LIBRARY.exists() else {}  # else Open MPI's may be found first
    done = subprocess.run(command, cwd=ROOT, env=environment(variables), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ChildError(lines[-1] if lines else f"exit code {done.returncode}")

    return json.loads(done.stdout.strip().splitlines()[-1])


def _launcher() -> str:
    """MPICH's in this environment, else the first one on the path."""
    own = _ENVIRONMENT / "bin" / "mpiexec.hydra"
    found = str(own) if own.exists() else shutil.which("mpiexec")
    if found is None:
        raise ChildError("there is no mpiexec: pip install mpi4py mpich")

    return found
