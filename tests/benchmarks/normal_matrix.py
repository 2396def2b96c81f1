"""The normal matrix Jᵀ J and its Cholesky factor beside NumPy's and the machine's matrix product, all in float64.

``python -m tests.benchmarks.normal_matrix`` measures them alone, with one thread and with all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fnn.compiler.barrier import SIZE
from fnn.compiler.threads import run_in_threads
from fnn.numerics.cholesky import cholesky_kernel, cholesky_scratch, inverses_size
from fnn.numerics.symmetric import BLOCK, gram_kernel, packed_size

from . import machine
from .measure import Call, Settings, compare, ratio
from .tables import Table, markdown, verdict
from .timing import repeated, seconds_each

Matrix = NDArray[np.float64]

PRODUCT = 1024  # rows and columns of the product that is the limit
CASES = 2000
PARAMETERS = (1000, 61)
DOUBLE = np.dtype(np.float64)
LINE = 16  # elements, to align work memory
# Least parts of the product's rate, and most times of NumPy's time, with 1000 parameters.
OF_LIMIT = {"gram": 0.6, "cholesky": 0.4}
OF_NUMPY = {"gram": 1.0, "cholesky": 1.3}
TITLES = {"gram": f"JᵀJ, {CASES} cases", "cholesky": "Cholesky"}


def product() -> Callable[[], object]:
    a, b = np.random.default_rng(0).random((2, PRODUCT, PRODUCT))
    c = np.empty_like(a)

    return lambda: np.matmul(a, b, out=c)


def gram(library: str, n: int, threads: int) -> Callable[[], object]:
    """Jᵀ J from rows that exist; fnn copies them to its own layout meanwhile."""
    j, c = np.random.default_rng(0).normal(size=(CASES, n)), np.zeros((n, n))
    if library == "numpy":
        return lambda: np.matmul(j.T, j, out=c)
    scratch, words, kernel = (
        np.zeros(packed_size(n, BLOCK, DOUBLE) + LINE),
        np.zeros(SIZE, np.int64),
        gram_kernel[DOUBLE],
    )

    return lambda: run_in_threads(lambda thread, of: kernel(thread, of, words, j, c, scratch), threads)


def cholesky(library: str, n: int, threads: int) -> Callable[[], object]:
    """The factor of a copy: NumPy makes one, too."""
    j = np.random.default_rng(0).normal(size=(CASES, n))
    a = j.T @ j
    if library == "numpy":
        return lambda: np.linalg.cholesky(a)
    factor, inverses, scratch = a.copy(), np.zeros(inverses_size(n)), np.zeros(cholesky_scratch(n, threads))
    words, kernel = np.zeros(SIZE, np.int64), cholesky_kernel[DOUBLE]

    def part(thread: int, of: int) -> None:
        kernel(thread, of, words, n, factor, inverses, scratch)

    def call() -> None:
        factor[:] = a
        run_in_threads(part, threads)

    return call


def job(what: str, library: str, n: int, threads: int, seconds: float) -> float:
    """Seconds of one call."""
    calls = {"gram": gram, "cholesky": cholesky}
    call = product() if what == "product" else calls[what](library, n, threads)

    return seconds_each(repeated(call), seconds)


def operations(what: str, n: int) -> float:
    """Multiplications and additions; of the symmetric product, those of one half."""
    return float({"product": 2 * PRODUCT**3, "gram": CASES * n * (n + 1), "cholesky": n**3 / 3}[what])


def measure(settings: Settings) -> Table:
    """All sizes with one thread, the largest with all."""
    columns = [
        "",
        "threads",
        "µs",
        "NumPy's µs",
        "GFLOP/s",
        "of the product's rate",
        "must reach",
        "of NumPy's time",
        "must",
    ]
    table = Table("normal_matrix", "Normal matrix and its factor, float64", columns)
    for threads in settings.thread_choices():
        for n in PARAMETERS if threads == 1 else PARAMETERS[:1]:
            rows_of(table, settings, n, threads)

    return table


def rows_of(table: Table, settings: Settings, n: int, threads: int) -> None:
    """Product, matrix and factor in turn, so that a busy machine slows all of them."""

    def call(what: str, library: str) -> list[Call]:
        environment = {"OPENBLAS_NUM_THREADS": str(threads)}
        arguments = {"what": what, "library": library, "n": n, "threads": threads, "seconds": settings.seconds / 2}
        return [{"job": "normal_matrix:job", **arguments, "environment": environment}]

    contenders = {f"{what} {library}": call(what, library) for what in TITLES for library in ("fnn", "numpy")}
    samples = compare({"product": call("product", "numpy"), **contenders}, settings.repeats, table.notes)
    if len(samples) < 1 + len(contenders):
        return
    table.raw[f"{n} parameters, {threads} threads"] = {name: sample.values for name, sample in samples.items()}
    for what, title in TITLES.items():
        ours, theirs = samples[f"{what} fnn"], samples[f"{what} numpy"]
        part = ratio(samples["product"], ours) * operations(what, n) / operations("product", n)
        times = ratio(ours, theirs)
        must = n == PARAMETERS[0]
        table.add(
            f"{title}, {n} parameters", threads, 1e6 * ours.median, 1e6 * theirs.median,
            1e-9 * operations(what, n) / ours.median,
            part, verdict(part, OF_LIMIT[what] if must else None, at_least=True),
            times, verdict(times, OF_NUMPY[what] if must else None),
        )  # fmt: skip


def main() -> None:
    """Measure on this machine, and print."""
    print("\n".join(machine.describe()), end="\n\n", flush=True)
    print(markdown(measure(Settings(3, 0.5, False, "", machine.cores()))))


if __name__ == "__main__":
    main()
