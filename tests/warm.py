"""Compile what most tests need, for one dtype: ``python -m tests.warm float32``.

Each of xdist's workers would compile it for itself, all at the same time.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import fnn


def compile_kernels(dtype: Any) -> None:
    """Call what has kernels of its own, with small and with large layers."""
    for sizes in ((2, 2, 2), (2, 40, 2)):
        params: fnn.Params[Any] = fnn.init(sizes, seed=0, dtype=dtype)
        x = np.ones((3, 2), dtype)
        regularization = fnn.Regularization(l2=0.1, dropout=0.1)
        limited = fnn.adam(1e-3, clip_norm=1.0, max_norm=1.0)
        fnn.train(params, x, x, eta=1e-3, epochs=1, validation=(x, x))
        fnn.train(params, x, x, optimizer=fnn.adam(), epochs=1)
        fnn.train(params, x, x, optimizer=limited, epochs=1, regularization=regularization)
    for solver in (fnn.lbfgs(), fnn.levenberg_marquardt()):
        fnn.train(params, x, x, optimizer=solver, epochs=1)
    fnn.forward(params, x)
    t = fnn.backprop(params, x, x)
    fnn.update(params, t.grads, 0.1)
    fnn.hvp(params, x, x, v=params)
    fnn.gauss_newton(params, x, x)
    fnn.jvp(params, x, v=params)
    fnn.vjp(params, x, x)
    fnn.jacobian(params, x)
    fnn.jacobian(params, x, by="params")
    fnn.input_grad(params, x, x)


def warm_up() -> None:
    """Compile for both dtypes, each in a process of its own."""
    command, root = [sys.executable, "-m", "tests.warm"], Path(__file__).parents[1]
    for process in [subprocess.Popen([*command, name], cwd=root) for name in ("float32", "float64")]:
        process.wait()  # the tests say what is wrong if it fails


if __name__ == "__main__":
    compile_kernels(np.dtype(sys.argv[1]))
