"""scikit-learn: MLPRegressor(solver="sgd"). Its output units are linear: it offers no others for squared error."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from ..workloads import Array, Case, Order


class Training:
    """`fit` with warm_start, which goes on from the coefficients that it finds."""

    def __init__(self, case: Case) -> None:
        self.x, self.y = case.x, case.y if case.sizes[-1] > 1 else case.y.ravel()
        self.case = case
        self.model = MLPRegressor(
            hidden_layer_sizes=case.sizes[1:-1], activation="logistic", solver="sgd", alpha=0.0, batch_size=case.batch,
            learning_rate_init=case.eta, learning_rate="constant", momentum=0.0, nesterovs_momentum=False,
            shuffle=not case.full_batch, random_state=0, warm_start=True, tol=0.0, max_iter=1, n_iter_no_change=10**9,
        )  # fmt: skip
        sklearn.set_config(assume_finite=True)
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.model.fit(self.x[: case.batch], self.y[: case.batch])
        self.model.coefs_ = [w.copy() for w in case.start[::2]]
        self.model.intercepts_ = [b.copy() for b in case.start[1::2]]

    def run(self, epochs: int) -> None:
        self.model.max_iter = epochs
        self.model.fit(self.x, self.y)

    def follow(self, order: Order) -> None:
        self.model.set_params(max_iter=1, shuffle=False)
        self.model.fit(self.x[order.ravel()], self.y[order.ravel()])

    def parameters(self) -> list[Array]:
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [np.asarray(leaf) for pair in pairs for leaf in pair]


def train(case: Case, threads: int, style: str) -> Training:
    """Many epochs in one `fit`."""
    threadpool_limits(threads)
    return Training(case)


def forward(start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
    """`predict` on one case."""
    raise NotImplementedError
