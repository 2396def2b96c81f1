"""Digests of what fnn computes, the same on every processor: ``python -m tests.processors.bits`` prints them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnn

NETWORKS: dict[str, dict[str, Any]] = {
    "sigmoid 2-2-1": {"sizes": (2, 2, 1), "eta": 2.0},
    "tanh 20-64-64-1": {"sizes": (20, 64, 64, 1), "hidden": fnn.tanh, "output": fnn.identity, "eta": 1e-3},
    "softmax 41-203-3": {"sizes": (41, 203, 3), "output": fnn.softmax, "loss": fnn.cross_entropy, "eta": 1e-2},
    "gelu 30-70-10, Adam": {
        "sizes": (30, 70, 10), "hidden": fnn.gelu, "output": fnn.softmax, "loss": fnn.cross_entropy,
        "optimizer": fnn.adam(1e-3, clip_norm=1.0), "regularization": fnn.Regularization(l2=1e-3, dropout=0.2),
    },
    "silu 9-17-33-5, L-BFGS": {"sizes": (9, 17, 33, 5), "hidden": fnn.silu, "optimizer": fnn.lbfgs()},
}  # fmt: skip
CASES, BATCH = 130, 32  # the last batch is smaller


def digests() -> Iterator[tuple[str, str]]:
    """What was computed, and a digest of its bytes."""
    for dtype in (np.float32, np.float64):
        for name, task in NETWORKS.items():
            sizes, loss = task["sizes"], task.get("loss", fnn.squared_error)
            rng = np.random.default_rng(0)
            x = rng.uniform(-1, 1, (CASES, sizes[0])).astype(dtype)
            y = rng.dirichlet(np.ones(sizes[-1]), CASES).astype(dtype)
            kinds = {kind: task.get(kind, fnn.sigmoid) for kind in ("hidden", "output")}
            start = fnn.init(sizes, seed=1, dtype=dtype, **kinds)
            batch_size = None if isinstance(task.get("optimizer"), fnn.Solver) else BATCH
            options = {key: task[key] for key in ("eta", "optimizer", "regularization") if key in task}
            for threads in (1, 2):
                run = fnn.train(start, x, y, epochs=3, batch_size=batch_size, loss=loss, threads=threads, **options)
                yield f"{name}, {np.dtype(dtype)}, {threads} threads", digest(run.params.flat, run.history.error)
            params = run.params
            yield f"{name}, {np.dtype(dtype)}, gradient", digest(fnn.grad(params, x, y, loss=loss).flat)
            yield f"{name}, {np.dtype(dtype)}, one case", digest(fnn.forward(params, x[0]))
            quantized = fnn.quantize(params, x)
            yield f"{name}, {np.dtype(dtype)}, int8", digest(quantized(x))
            yield f"{name}, {np.dtype(dtype)}, bfloat16", digest(fnn.quantize(params, weights="bfloat16")(x))


def digest(*arrays: NDArray[Any] | None) -> str:
    """Of their bytes."""
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays if a is not None)).hexdigest()[:16]


if __name__ == "__main__":
    for what, bits in digests():
        print(f"{bits}  {what}", flush=True)
