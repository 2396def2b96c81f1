"""Training on many machines
=========================

One script for ``python`` and ``mpiexec``, with the same bits for any number of ranks.

The cases lie in a file that every rank maps into memory, and of which it reads its own part alone; rank 0 writes it
first, from MNIST's training images, or from images that a seed makes if there is no MNIST. All ranks train together, by
MPI if a launcher has started them, and rank 0 prints how well that went, and a digest of the parameters, which is the
same with one rank and with seven; with ``--out`` and matplotlib it draws the errors. Run it as::

    python examples/many_machines.py --data DIR
    mpiexec -n 4 python examples/many_machines.py --data DIR

(``pip install 'fnn[mpi]'`` brings mpi4py; the MPI itself is the cluster's, or ``pip install mpich``.) On a cluster with
Slurm, where each of four machines has 32 cores, give this to ``sbatch``:

.. code-block:: bash

    #!/bin/bash
    #SBATCH --nodes=4
    #SBATCH --ntasks-per-node=1
    #SBATCH --cpus-per-task=32
    #SBATCH --time=01:00:00
    export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK
    export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
    srun --mpi=pmix python examples/many_machines.py --data DIR --set $SCRATCH/cases --checkpoint $SCRATCH/run.ckpt

Where the MPI starts its ranks by itself, ``mpiexec -n 4`` takes the place of ``srun --mpi=pmix``. A job that the time
limit ends goes on from its checkpoint when it is submitted again, on as many machines as there are then.

Every epoch reads a rank's cases in another order. Where the file system that the machines share is too slow for that,
``--local $TMPDIR`` lets each rank first copy the cases that `fnn.shard_range` names to a disk of its own, and give
`fnn.train` these alone, with the number of all as `total_cases`. The bits stay the same.
"""

import argparse
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import fnn

T = TypeVar("T")

LAUNCHED = ("PMI_RANK", "PMIX_RANK")  # one of these variables is there if an MPI has started the process
FILES = ("x", "labels", "x_test", "labels_test")


class Images(NamedTuple):
    """Images (N, 784) of grey levels from 0 to 255, and which of ten classes each is of."""

    x: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def mnist(folder: Path, name: str) -> Images:
    """MNIST's "train" or "t10k" images, from files that may be packed."""
    stems = (f"{name}-images-idx3-ubyte", f"{name}-labels-idx1-ubyte")
    packed = "" if (folder / stems[0]).is_file() else ".gz"
    images, labels = fnn.read_images_and_labels(*(folder / f"{stem}{packed}" for stem in stems))

    return Images(images.reshape(len(images), -1), labels)


def made(number: int, seed: int) -> Images:
    """Images of ten patterns under noise."""
    random = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).integers(0, 256, (10, 784))
    labels = random.integers(0, 10, number, dtype=np.uint8)
    x = 0.25 * patterns[labels] + 0.75 * random.integers(0, 256, (number, 784))

    return Images(x.astype(np.uint8), labels)


def write(folder: Path, source: Path | None) -> None:
    """The cases to train on and those to test, as files that can be mapped into memory, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if all((folder / f"{name}.npy").exists() for name in FILES):
        return
    sets = (mnist(source, "train"), mnist(source, "t10k")) if source else (made(10_000, 1), made(2_000, 2))
    for name, array in zip(FILES, [array for images in sets for array in images], strict=True):
        np.save(folder / "unfinished.npy", array)
        os.replace(folder / "unfinished.npy", folder / f"{name}.npy")


def read(folder: Path) -> tuple[Images, Images]:
    """The two sets of `write`, mapped into memory."""
    x, labels, x_test, labels_test = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in FILES)

    return Images(x, labels), Images(x_test, labels_test)


def copied(images: Images, rows: range, folder: Path) -> Images:
    """The cases of this rank alone, in files of a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in images._asdict().items():
        np.save(folder / f"{name}-{rows.start}.npy", array[rows.start : rows.stop])

    return Images(*(np.load(folder / f"{name}-{rows.start}.npy", mmap_mode="r") for name in images._fields))


def cases_of(images: Images) -> fnn.Cases:
    return fnn.Cases(images.x, images.labels, scale=1 / 255)


def world(wanted: bool) -> Any:
    """All ranks, if MPI has started this process; else None, and mpi4py isn't needed."""
    if not (wanted or any(name in os.environ for name in LAUNCHED)):
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # a RuntimeError if there is no MPI
        raise SystemExit(f"This needs mpi4py and an MPI ({error}): pip install 'fnn[mpi]' mpich") from None

    return MPI.COMM_WORLD


def on_all(comm: Any, function: Callable[[], T]) -> T:
    """What a function returns on this rank; if it fails on any, its error on all, so that no rank waits for ever."""
    found: list[T] = []
    error: Exception | None = None
    try:
        found.append(function())
    except (OSError, ValueError) as caught:
        error = caught
    for one in [error] if comm is None else comm.allgather(error):
        if one is not None:
            raise one

    return found[0]


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Train on the cases of a file, in one process or in many.")
    folder = os.environ.get("FNN_MNIST") or None
    parser.add_argument("--data", type=Path, default=folder, help="MNIST's folder (default: $FNN_MNIST, else made)")
    parser.add_argument("--set", type=Path, default=Path("many_machines"), help="folder for the set (%(default)s)")
    parser.add_argument("--local", type=Path, help="folder on a disk of the machine, for a copy of a rank's cases")
    parser.add_argument("--shards", type=int, default=64, help="as many ranks are possible (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=128, help="hidden units (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=512, help="cases a step, of all ranks (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order (default: %(default)s)")
    parser.add_argument("--checkpoint", type=Path, help="file to keep the run in, and to go on from if it is there")
    parser.add_argument("--mpi", action="store_true", help="use MPI even if no launcher of MPI is noticed")
    parser.add_argument("--out", type=Path, help="file for a picture, by matplotlib (default: none)")

    return parser, parser.parse_args(argv)


def train(args: argparse.Namespace, comm: Any) -> fnn.Run[np.float32]:
    folder = args.set / ("mnist" if args.data else "made")
    leads = comm is None or comm.Get_rank() == 0
    on_all(comm, lambda: write(folder, args.data) if leads else None)
    own, test = on_all(comm, lambda: read(folder))
    total = len(own.x)
    rows = fnn.shard_range(total, args.shards, comm)
    if args.local is not None:
        own = on_all(comm, lambda: copied(own, rows, args.local))
    params = fnn.init(
        (784, args.hidden, 10), seed=args.seed, hidden=fnn.relu, output=fnn.softmax, initializer=fnn.he_normal,
        dtype=np.float32,
    )  # fmt: skip

    return fnn.train(
        params, cases_of(own), optimizer=fnn.adam(1e-3, clip_norm=1.0), loss=fnn.cross_entropy, reduction="mean",
        epochs=args.epochs, batch_size=args.batch_size, seed=args.seed, validation=cases_of(test),
        checkpoint=args.checkpoint, shards=args.shards, comm=comm, total_cases=total if args.local else None,
    )  # fmt: skip


def report(run: fnn.Run[np.float32]) -> None:
    """The error and the accuracy after each epoch, and what tells whether two runs have the same bits."""
    accuracies = run.history.validation_accuracy
    assert accuracies is not None  # the targets are labels
    print("epoch    error    test accuracy")
    for epoch, (error, right) in enumerate(zip(run.history.error, accuracies, strict=True), 1):
        print(f"{epoch:5}  {error:7.5f}  {right:15.2%}")
    print(f"digest of the parameters: {hashlib.sha256(run.params.flat.tobytes()).hexdigest()[:16]}")
    print(f"time: {sum(run.history.seconds[-1:]):.2f} s for {len(run.history)} epochs, with these tests")


def save_picture(path: Path, run: fnn.Run[np.float32]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    fnn.plots.history(run, ax=figure.subplots()).set_title("errors; validation: the test images", loc="left")
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    comm = world(args.mpi)
    ranks, rank = (1, 0) if comm is None else (comm.Get_size(), comm.Get_rank())
    try:
        run = train(args, comm)
    except (OSError, ValueError, fnn.TrainingDiverged) as error:
        parser.error(str(error))
    if rank == 0:
        print(f"{ranks} rank{'s' * (ranks > 1)}, {args.shards} shards")
        report(run)
        if args.out is not None:
            try:
                save_picture(args.out, run)
            except (ImportError, OSError, ValueError) as error:
                parser.error(str(error))


if __name__ == "__main__":
    main()
