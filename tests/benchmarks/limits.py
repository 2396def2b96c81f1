"""The limit: the fastest matrix product that this machine's libraries reach, GFLOP/s."""

from __future__ import annotations

import numpy as np

from .measure import Call, Settings, compare
from .tables import Table
from .timing import repeated, seconds_each

SIZE = 2048
LIBRARIES = {"numpy": "NumPy's BLAS", "torch": "PyTorch's BLAS"}


def job(library: str, threads: int, seconds: float) -> float:
    """GFLOP/s of a square float32 product into an array that exists."""
    a, b = np.random.default_rng(0).random((2, SIZE, SIZE), dtype=np.float32)
    c = np.empty_like(a)
    if library == "torch":
        import torch

        torch.set_num_threads(threads)
        p, q, r = map(torch.from_numpy, (a, b, c))
        spent = seconds_each(repeated(lambda: torch.mm(p, q, out=r)), seconds)
    else:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)
        spent = seconds_each(repeated(lambda: np.matmul(a, b, out=c)), seconds)

    return 2e-9 * SIZE**3 / spent


def measure(settings: Settings) -> Table:
    """Both libraries on one core and on all."""
    columns = [f"{n} core" if n == 1 else f"{n} cores" for n in settings.thread_choices()]
    table = Table("limits", f"Matrix product, float32, {SIZE}³, GFLOP/s", ["", *columns])
    best = 0.0
    for library, title in LIBRARIES.items():
        contenders: dict[str, list[Call]] = {
            str(n): [{"job": "limits:job", "library": library, "threads": n, "seconds": settings.seconds / 2}]
            for n in settings.thread_choices()
        }
        samples = compare(contenders, settings.repeats, table.notes)
        medians = [samples[key].median if key in samples else None for key in contenders]
        table.add(title, *medians)
        best = max([best, *(m for m in medians if m is not None)])
    table.raw["best"] = best

    return table
