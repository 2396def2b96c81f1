"""A regression with intervals
===========================

The progression of diabetes after a year, from ten measurements.

The table is scikit-learn's, of 442 patients (Efron et al. 2004), in raw units; as tables are, it has a category (sex,
as text) and missing values (every twelfth blood pressure is taken out here). What is done with it:

- a ColumnTransformer makes text 0 or 1, and a missing value the median of the others, with a column that says so;
- `fnn.sklearn.MLPRegressor` learns the median (the absolute error); ``standardize=True`` brings inputs and targets to
  one scale, and a search by cross-validation finds the penalty and the hidden units;
- ``interval=0.9`` trains two more networks, for the 5 % and 95 % quantiles. Those of few patients come out too near to
  each other, so the interval is widened by what takes in 90 % of the patients held out (conformal quantiles; Romano,
  Patterson and Candès 2019).

The picture shows how far what came lies from what was predicted, for patients that were not learned from. Run it as::

    python examples/regression.py
    python examples/regression.py --seed 1 --out /tmp
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import fnn

try:
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.compose import ColumnTransformer
    from sklearn.datasets import load_diabetes
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import GridSearchCV, train_test_split
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    from fnn.sklearn import MLPRegressor
except ImportError as error:
    raise SystemExit(
        f"This example needs pandas, scikit-learn and matplotlib ({error}): pip install 'fnn[examples]'"
    ) from None

Reals: TypeAlias = NDArray[np.float64]


def table() -> tuple[pd.DataFrame, Reals]:
    """A row for each patient, and the progression."""
    data = load_diabetes(as_frame=True, scaled=False)
    patients: pd.DataFrame = data.data
    patients["sex"] = np.where(patients["sex"] == 1, "female", "male")
    patients.loc[::12, "bp"] = np.nan

    return patients, data.target.to_numpy(np.float64)


def tuned(patients: pd.DataFrame, progression: Reals, seed: int) -> Pipeline:
    """The regressor whose penalty and hidden units did best in cross-validation, trained on all, with intervals."""
    columns = ColumnTransformer(
        [("category", OneHotEncoder(drop="if_binary"), ["sex"])],
        remainder=SimpleImputer(strategy="median", add_indicator=True),
    )
    network = MLPRegressor(
        "absolute_error", activation="tanh", learning_rate_init=3e-3, batch_size=16, early_stopping=True, max_iter=500,
        validation_fraction=0.2, n_iter_no_change=30, standardize=True, random_state=seed,
    )  # fmt: skip
    search = GridSearchCV(
        Pipeline([("columns", columns), ("network", network)]),
        {"network__alpha": [0.1, 1, 10], "network__hidden_layer_sizes": [(8,), (32,)]},
        scoring="neg_mean_absolute_error", error_score="raise",
    )  # fmt: skip
    best = search.fit(patients, progression).best_estimator_

    return best.set_params(network__interval=0.9).fit(patients, progression)


def save_picture(path: Path, params: fnn.Params[np.float64], x: Reals, y: Reals, interval: tuple[Reals, Reals]) -> None:
    """Each patient of the test: how far what came lies from the median that was predicted, and the interval."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = fnn.plots.residuals(params, x, y, interval=interval, names=["median predicted"], ax=figure.subplots())
    axes.set_title("progression after a year of patients that were not learned from", loc="left")
    axes.set_ylabel("what came − median")
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Predict the progression of diabetes, with intervals.")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order, what is held out (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("regression.png"), help="file or folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    out = args.out / "regression.png" if args.out.is_dir() else args.out

    x, test_x, y, test_y = train_test_split(*table(), test_size=100, random_state=0)
    try:
        model = tuned(x, y, args.seed)
        middle = model.predict(test_x)
        numbers = model[:-1].transform(test_x)
        low, high = interval = model[-1].predict_interval(numbers)  # no method that a Pipeline passes on
        save_picture(out, model[-1].params_, numbers, test_y, interval)
    except (OSError, ValueError) as error:
        parser.error(str(error))

    inside = np.mean((low <= test_y) & (test_y <= high))
    print(f"learned from {len(x)} patients, tested on {len(test_x)} others")
    print(f"chosen: alpha {model[-1].alpha}, hidden units {model[-1].hidden_layer_sizes}")
    print(f"mean absolute error: {np.abs(middle - test_y).mean():.1f}; of the median of all: ", end="")
    print(f"{np.abs(np.median(y) - test_y).mean():.1f}")
    print(f"90 % intervals hold {inside:.0%} of what came; they are {np.mean(high - low):.0f} wide")
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
