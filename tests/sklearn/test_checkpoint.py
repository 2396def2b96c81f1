"""A fit with a checkpoint, which is killed and fitted again."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from sklearn.exceptions import ConvergenceWarning

import fnn
from fnn.sklearn import MLPClassifier, MLPRegressor
from tests.kills import in_child
from tests.sklearn.data import Arrays, assert_same_bits, labelled, numbered

# Each lasts some tenths of a second, most of which goes into writing.
KINDS: dict[str, tuple[Any, Arrays]] = {
    "adam": (MLPClassifier(dropout=0.1, max_iter=1000, tol=0.0, batch_size=7), labelled(3)),
    "early stopping": (
        MLPRegressor(solver="sgd", early_stopping=True, max_iter=60, n_iter_no_change=10**6, batch_size=7,
                     standardize=True, learning_rate="adaptive"), numbered()),
    "lm": (MLPRegressor(solver="lm", hidden_layer_sizes=(20, 20), max_iter=60, tol=0.0), numbered()),
}  # fmt: skip


def fit(name: str, folder: Path | None) -> Any:
    """The estimator, fitted with a checkpoint in the folder, or without one."""
    model, data = KINDS[name]
    checkpoint = None if folder is None else fnn.Checkpoint(folder / "run.npz", seconds=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.set_params(random_state=0, checkpoint=checkpoint).fit(*data)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("name", KINDS)
def test_a_fit_that_was_killed_goes_on_to_the_bit(name: str, tmp_path: Path) -> None:
    seconds, whole = 0.02, fit(name, None)  # compiled before it is forked
    while not (tmp_path / "run.npz").exists():
        assert not in_child(lambda: fit(name, tmp_path), seconds), "it came to the end before it was killed"
        seconds *= 2
    assert_same_bits(fit(name, tmp_path), whole)
    assert_same_bits(fit(name, tmp_path), whole)  # a run that has ended is only read
