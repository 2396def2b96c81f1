"""A sweep on MPI: ``mpiexec -n 2 python -m mpi4py.futures -m tests.training.executors.on_mpi``."""

from importlib import import_module

from tests.training.executors.sweeps import same_as_at_home

if __name__ == "__main__":
    with import_module("mpi4py.futures").MPIPoolExecutor() as executor:
        print(same_as_at_home(executor), flush=True)
