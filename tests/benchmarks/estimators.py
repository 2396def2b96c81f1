"""scikit-learn's MLPs beside those of `fnn.sklearn`, at the same settings: test scores, `fit`, a search, one row.

    python -m tests.benchmarks.estimators --only fits search rows

The libraries take turns in one process, in which no variable limits scikit-learn's BLAS. What is compiled was compiled
before. Every seed has its own split, initial weights and order of the cases, the first two the same for both. Set
beside each other are 20 paired test scores, whose mean difference is noise within two of its standard errors, and the
median of the paired ratios of times. On a machine that is busy, ``taskset -c 0`` before the command leaves one core to
both, without which the threads of a BLAS wait for each other for long; see then the ratio of processor times.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import fnn

from .machine import cores, describe
from .measure import child, environment
from .tables import Table, markdown, text, verdict
from .timing import repeated, seconds_each

FIT, SEARCH, ROW = 5.0, 8.0, 2.0  # times faster than scikit-learn that the estimators must be
SMALL: Final = ("digits", "breast cancer", "wine", "diabetes", "friedman1")
BIG: Final = "100,000 × 50"
GRID: Final[dict[str, list[Any]]] = {
    "hidden_layer_sizes": [(50,), (100,), (50, 50)],
    "alpha": [1e-4, 1e-1],
    "learning_rate_init": [1e-3, 1e-2],
}
FOLDS = 5
PAUSE = 0.05  # seconds: a BLAS keeps its threads awake for some time, and they would be in the other library's way

Reals = NDArray[np.float64]
Module = Any
T = TypeVar("T")


class Task(NamedTuple):
    """Cases, standardised, of a classifier or a regressor, and what its parameters are besides the defaults."""

    x: Reals
    y: NDArray[Any]
    kind: str
    options: Mapping[str, Any]


def task_named(name: str) -> Task:
    """One of the sets."""
    if name == "diabetes":
        x, y = datasets.load_diabetes(return_X_y=True)
        return Task(scale(x), scale(y), "MLPRegressor", {"max_iter": 500})
    if name == "friedman1":
        x, y = datasets.make_friedman1(2000, noise=1.0, random_state=0)
        return Task(scale(x), scale(y), "MLPRegressor", {"max_iter": 500})
    if name == BIG:
        x, labels = datasets.make_classification(100_000, 50, n_informative=25, n_classes=5, random_state=0)
        return Task(scale(x), labels, "MLPClassifier", {"max_iter": 20})
    load = {"digits": datasets.load_digits, "breast cancer": datasets.load_breast_cancer, "wine": datasets.load_wine}
    x, labels = load[name](return_X_y=True)

    return Task(scale(x), labels, "MLPClassifier", {"max_iter": 500})


class Run(NamedTuple):
    """What a fit took, and what came of it."""

    seconds: float
    processor: float  # seconds of all threads
    score: float
    epochs: int


def fitted(module: Module, task: Task, seed: int, options: Mapping[str, Any]) -> Run:
    """Fit on three quarters, score on the rest."""
    x, x_test, y, y_test = train_test_split(task.x, task.y, test_size=0.25, random_state=seed)
    model = getattr(module, task.kind)(random_state=seed, **{**task.options, **options})
    time.sleep(PAUSE)
    begin, busy = time.perf_counter(), time.process_time()
    model.fit(x, y)
    seconds, processor = time.perf_counter() - begin, time.process_time() - busy

    return Run(seconds, processor, float(model.score(x_test, y_test)), int(model.n_iter_))


def in_turn(pair: Sequence[Module], turn: int, measured: Callable[[Module], T]) -> list[T]:
    """What is measured of both, in the order of the pair; in every other turn the second goes first."""
    first = turn % 2
    found = {i: measured(pair[i]) for i in (first, 1 - first)}

    return [found[0], found[1]]


def fits(settings: argparse.Namespace) -> Table:
    """Scores and times of fits."""
    columns = ["", "seeds", "score sklearn", "fnn", "fnn − sklearn", "± 1 s.e.", "noise", "epochs sklearn", "fnn",
               "fit sklearn s", "fnn s", "ratio", "of processor time", "must reach"]  # fmt: skip
    table = Table("fits", f"Test scores and fits, {settings.solver}, {settings.given}", columns)
    for name in settings.sets:
        task = task_named(name)
        seeds = settings.big_seeds if name == BIG else settings.seeds
        options = {"solver": settings.solver, **settings.given}
        for module in settings.pair:
            fitted(module, task, 0, {**options, "max_iter": 2})
        runs = [
            in_turn(settings.pair, seed, partial(fitted, task=task, seed=seed, options=options))
            for seed in range(seeds)
        ]
        add_fits(table, name, runs)
        print(*table.rows[-1], sep="  ", file=sys.stderr, flush=True)

    return table


def add_fits(table: Table, name: str, runs: Sequence[Sequence[Run]]) -> None:
    """A row: what two libraries made of one set."""
    theirs, ours = zip(*runs, strict=True)
    difference = np.array([b.score - a.score for a, b in runs])
    error = float(difference.std(ddof=1) / np.sqrt(len(runs))) if len(runs) > 1 else np.nan
    ratio, of_processor = (
        statistics.median(getattr(a, key) / getattr(b, key) for a, b in runs) for key in ("seconds", "processor")
    )
    seconds, epochs = (
        [float(statistics.median(getattr(run, key) for run in side)) for side in (theirs, ours)]
        for key in ("seconds", "epochs")
    )
    scores = [float(np.mean([run.score for run in side])) for side in (theirs, ours)]
    is_noise = abs(difference.mean()) <= 2 * error or not difference.any()
    table.add(
        name, len(runs), *(f"{score:.4f}" for score in scores), f"{difference.mean():+.4f}", f"{error:.4f}",
        "yes" if is_noise else "NO", *(f"{count:.0f}" for count in epochs), *seconds, ratio, of_processor,
        verdict(ratio, FIT, at_least=True),
    )  # fmt: skip
    table.raw[name] = [[tuple(run) for run in pair] for pair in runs]


def searched(module: Module, task: Task, jobs: int | None, options: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds of a search over the grid, and the best score of its folds."""
    model = getattr(module, task.kind)(random_state=0, **options)
    grid = {f"{task.kind.lower()}__{name}": values for name, values in GRID.items()}
    search = GridSearchCV(make_pipeline(StandardScaler(), model), grid, cv=FOLDS, n_jobs=jobs, refit=False)
    time.sleep(PAUSE)
    begin = time.perf_counter()
    search.fit(task.x, task.y)

    return time.perf_counter() - begin, search.best_score_


def searches(settings: argparse.Namespace) -> Table:
    """A search in this process, and one in two of joblib's, which are awake already."""
    columns = ["", "sklearn s", "fnn s", "ratio", "best score sklearn", "fnn", "must reach"]
    count = FOLDS * math.prod(map(len, GRID.values()))
    table = Table("searches", f"GridSearchCV of {count} fits, in a Pipeline", columns)
    for name, jobs in itertools.product(settings.searched, (None, 2)):
        task = task_named(name)
        for module in settings.pair:
            searched(module, task, jobs, {"max_iter": 2})
        runs = [
            in_turn(settings.pair, turn, partial(searched, task=task, jobs=jobs, options={}))
            for turn in range(settings.repeats)
        ]
        ratio = statistics.median(a[0] / b[0] for a, b in runs)
        seconds = (statistics.median(run[i][0] for run in runs) for i in (0, 1))
        scores = (f"{score:.4f}" for _, score in runs[0])
        table.add(f"{name}, n_jobs={jobs}", *seconds, ratio, *scores, verdict(ratio, SEARCH, at_least=True))
        print(*table.rows[-1], sep="  ", file=sys.stderr, flush=True)

    return table


def rows(settings: argparse.Namespace) -> Table:
    """A call with one row."""
    columns = ["", "sklearn µs", "fnn µs", "ratio", "fnn.forward µs", "must reach"]
    table = Table("rows", "One row", columns)
    for name, method in (("digits", "predict"), ("digits", "predict_proba"), ("friedman1", "predict")):
        task = task_named(name)
        row = task.x[:1].copy()
        models = [
            getattr(module, task.kind)(random_state=0, max_iter=20).fit(task.x, task.y) for module in settings.pair
        ]
        calls = [partial(getattr(model, method), row) for model in models]
        calls += [partial(fnn.forward, model.params_, row) for model in models if hasattr(model, "params_")]
        times = [[1e6 * seconds_each(repeated(call), 0.1) for call in calls] for _ in range(settings.repeats)]
        ratio = statistics.median(each[0] / each[1] for each in times)
        each = [statistics.median(side) for side in zip(*times, strict=True)]
        table.add(f"{task.kind}.{method}, {name}", *each, verdict(ratio, ROW, at_least=True))
        table.rows[-1].insert(3, text(ratio))

    return table


SECTIONS: Final = {"fits": fits, "search": searches, "rows": rows}


def given(text: str) -> tuple[str, Any]:
    """A parameter of the estimators, as ``name=value``; a value that isn't Python's is text."""
    name, _, value = text.partition("=")
    constants = {"True": True, "False": False, "None": None}
    if value in constants:
        return name, constants[value]
    try:
        return name, float(value) if set(value) & set(".e") else int(value)
    except ValueError:
        return name, value


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--sets", nargs="+", choices=(*SMALL, BIG), default=[*SMALL, BIG])
    parser.add_argument("--searched", nargs="+", choices=SMALL[:3], default=["breast cancer"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--big-seeds", type=int, default=20, help="seeds of the largest set")
    parser.add_argument("--repeats", type=int, default=3, help="of searches, and of calls with one row")
    parser.add_argument("--solver", choices=("adam", "sgd", "lbfgs"), default="adam")
    parser.add_argument(
        "--given", nargs="+", type=given, default=[], metavar="NAME=VALUE", help="parameters of the fits"
    )
    parser.add_argument("--pair", nargs=2, default=["sklearn.neural_network", "fnn.sklearn"], metavar="MODULE")
    options = parser.parse_args()
    options.given = dict(options.given)
    options.pair = [importlib.import_module(name) for name in options.pair]

    return options


def main() -> None:
    """Run without the variables that hold a library back; print the machine, then a table for each section."""
    free = environment({"PYTHONWARNINGS": "ignore"})
    if free != dict(os.environ):
        os.execve(sys.executable, [sys.executable, "-m", __spec__.name, *sys.argv[1:]], free)
    options = arguments()
    best = child({"job": "limits:job", "library": "numpy", "threads": cores(), "seconds": 0.5})
    print(
        *describe(), f"product of matrices: {best:.0f} GFLOP/s; load {os.getloadavg()[0]:.1f}\n", sep="\n", flush=True
    )
    for name in options.only:
        print(markdown(SECTIONS[name](options)), flush=True)


if __name__ == "__main__":
    main()
