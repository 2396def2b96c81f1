"""A fit with a checkpoint, for a test that kills it: ``python -m tests.sklearn.killed NAME FOLDER``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from sklearn.exceptions import ConvergenceWarning

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.sklearn.data import Arrays, labelled, numbered

# Long enough to be killed on the way, short enough to be run three times.
KINDS: dict[str, tuple[Any, Arrays]] = {
    "adam": (MLPClassifier(dropout=0.1, max_iter=3000, tol=0.0, batch_size=7), labelled(3)),
    "early stopping": (
        MLPRegressor(solver="sgd", early_stopping=True, max_iter=3000, n_iter_no_change=10**6, batch_size=7,
                     standardize=True, learning_rate="adaptive"), numbered()),
    "lm": (MLPRegressor(solver="lm", hidden_layer_sizes=(20, 20), max_iter=300, tol=0.0), numbered()),
}  # fmt: skip


def fit(name: str, folder: Path | None) -> Any:
    """The estimator, fitted with a checkpoint in the folder, or without one."""
    model, data = KINDS[name]
    checkpoint = None if folder is None else fnn.Checkpoint(folder / "run.npz", seconds=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(random_state=0, checkpoint=checkpoint).fit(*data)


if __name__ == "__main__":
    fit(sys.argv[1], Path(sys.argv[2]))
    print("done", flush=True)
