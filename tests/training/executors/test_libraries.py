"""`train_many` on the executors of loky, MPI and Dask: the same bits as at home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fnn
from tests.training.executors import sweeps
from tests.training.executors.sweeps import X, Y, bits, networks

ROOT = Path(__file__).parents[3]


def test_loky() -> None:
    loky = pytest.importorskip("loky", reason="needs loky")
    with loky.ProcessPoolExecutor(2) as executor:
        assert sweeps.same_as_at_home(executor)


def test_a_network_that_kills_its_worker_of_loky() -> None:
    loky = pytest.importorskip("loky", reason="needs loky")
    callbacks: fnn.Each[Any] = fnn.Each([[], [fnn.each_epoch(sweeps.kill)], []])
    with pytest.raises(fnn.SomeLost) as caught:
        fnn.train_many(networks(3), X, Y, eta=1e-3, epochs=9, callbacks=callbacks, executor=loky.get_reusable_executor)
    home = fnn.train_many(networks(3), X, Y, eta=1e-3, epochs=9)

    assert list(caught.value.lost) == [1]
    assert [bits(caught.value.outcomes[i]) for i in (0, 2)] == [bits(home[i]) for i in (0, 2)]


def in_process(*command: str | Path, **variables: str) -> str:
    """What a command prints."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr

    return done.stdout


@pytest.mark.parametrize("launcher, library", [("mpiexec.hydra", "libmpi.so.12"), ("prterun", "libmpi.so.40")])
def test_mpi(launcher: str, library: str) -> None:
    pytest.importorskip("mpi4py", reason="needs mpi4py")
    environment = Path(sys.prefix)
    launch, load = environment / "bin" / launcher, environment / "lib" / library
    if not (launch.exists() and load.exists()):
        pytest.skip(f"needs the MPI that has {launcher}, MPICH or Open MPI, as a wheel")
    allowed = {f"{of}_ALLOW_RUN_AS_ROOT{more}": "1" for of in ("OMPI", "PRTE") for more in ("", "_CONFIRM")}
    policy = {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "MPI4PY_LIBMPI": str(load)}
    module = "tests.training.executors.on_mpi"
    command = (launch, "-n", "2", sys.executable, "-m", "mpi4py.futures", "-m", module)

    assert in_process(*command, **allowed, **policy) == "True\n"


def test_dask() -> None:
    pytest.importorskip("distributed", reason="needs Dask's distributed")

    assert in_process(sys.executable, "-m", "tests.training.executors.on_dask") == "True\n[4] True\n"
