"""A table to a regression with intervals: the progression of diabetes after a year, from ten measurements.

The table is scikit-learn's, of 442 patients (Efron et al. 2004), in raw units; as tables are, it has a category (sex,
as text) and missing values (every twelfth blood pressure is taken out here). What is done with it:

- text becomes 0 and 1, a missing value the median of the others, with a column that says so;
- inputs and targets are standardised by what is learned from, and `fnn.fold` brings that into the networks, so that
  they take and give raw units;
- three networks are trained at once, by `train_many`: for the 5 %, 50 % and 95 % quantiles (the pinball loss), each
  ending when the error on the patients that are held out no longer falls, with the best parameters;
- quantiles of few patients come out too near to each other. So the interval is widened by what takes in 90 % of those
  held out (conformal quantiles; Romano, Patterson and Candès 2019), which is one more `fnn.fold`.

The picture shows what was predicted for patients that were not learned from, and what came. Run it as::

    python examples/regression.py
    python examples/regression.py --hidden 32 --seed 1 --out /tmp
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
    from sklearn.datasets import load_diabetes
except ImportError as error:
    raise SystemExit(
        f"This example needs pandas, scikit-learn and matplotlib ({error}): pip install 'fnn[examples]'"
    ) from None

Reals: TypeAlias = NDArray[np.float64]
Network: TypeAlias = fnn.Params[np.float64]

TAUS = (0.05, 0.5, 0.95)
TEST = HELD_OUT = 100  # patients


def table() -> pd.DataFrame:
    """The patients, a row each; `progression` is to be predicted."""
    patients: pd.DataFrame = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    patients["sex"] = np.where(patients["sex"] == 1, "female", "male")
    patients.loc[::12, "bp"] = np.nan

    return patients.sample(frac=1, random_state=0)


def numeric(patients: pd.DataFrame, medians: "pd.Series[float]") -> Reals:
    """The inputs as numbers: a category as 0 and 1, and for what is missing the median and a column that says so."""
    inputs = patients.drop(columns="progression").assign(sex=patients["sex"] == "male", no_bp=patients["bp"].isna())

    return inputs.fillna(medians).to_numpy(np.float64)


def learn(x: Reals, y: Reals, hidden: int, seed: int) -> tuple[Network, Network, Network]:
    """The networks of the lower end, the median and the upper end, in raw units."""
    shift, scale, offset, factor = x.mean(axis=0), x.std(axis=0), float(y.mean()), float(y.std())
    x_std, y_std = (x - shift) / scale, (y - offset) / factor
    start = fnn.init((x.shape[1], hidden, 1), seed=seed, hidden=fnn.tanh, output=fnn.identity)
    runs = fnn.train_many(
        [start] * len(TAUS), x_std[HELD_OUT:], y_std[HELD_OUT:, None],
        loss=fnn.Each([fnn.quantile(tau) for tau in TAUS]), optimizer=fnn.adam(2e-3), reduction="mean",
        regularization=fnn.Regularization(l2=1e-3), epochs=1000, batch_size=16, seed=seed,
        validation=(x_std[:HELD_OUT], y_std[:HELD_OUT, None]), stopping=fnn.Stopping(patience=40, restore_best=True),
    )  # fmt: skip
    low, middle, high = (
        fnn.fold(run.params, x_shift=shift, x_scale=scale, y_shift=offset, y_scale=factor) for run in runs
    )
    below, above = fnn.forward(low, x[:HELD_OUT])[:, 0], fnn.forward(high, x[:HELD_OUT])[:, 0]
    outside = np.maximum(below - y[:HELD_OUT], y[:HELD_OUT] - above)  # by how much; negative inside
    margin = np.quantile(outside, 0.9 * (1 + 1 / HELD_OUT))

    return fnn.fold(low, y_shift=-margin), middle, fnn.fold(high, y_shift=margin)


def save_picture(path: Path, y: Reals, low: Reals, middle: Reals, high: Reals) -> None:
    """Each patient of the test, by the median that was predicted, with the interval and what came."""
    order, places = np.argsort(middle), np.arange(len(y))
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.vlines(places, low[order], high[order], color="#92c5de", linewidth=3, label="90 % interval")
    axes.plot(places, middle[order], color="#2166ac", linewidth=1.8, label="median")
    axes.plot(places, y[order], "o", color="#b2182b", markersize=3.5, label="what came")
    axes.set_title("patients that were not learned from", loc="left")
    axes.set_xlabel("patient, by the median predicted")
    axes.set_ylabel("progression after a year")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Predict the progression of diabetes, with intervals.")
    parser.add_argument("--hidden", type=int, default=16, help="hidden units (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order, what is held out (default: 0)")
    parser.add_argument(
        "--out", type=Path, default=Path("regression.png"), help="file or folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    out = args.out / "regression.png" if args.out.is_dir() else args.out

    patients = table()
    test, rest = patients.head(TEST), patients.tail(len(patients) - TEST)
    medians = rest.median(numeric_only=True)
    x, y = numeric(rest, medians), rest["progression"].to_numpy(np.float64)
    test_x, test_y = numeric(test, medians), test["progression"].to_numpy(np.float64)
    try:
        networks = learn(x, y, args.hidden, args.seed)
        low, middle, high = (fnn.forward(params, test_x)[:, 0] for params in networks)
        save_picture(out, test_y, low, middle, high)
    except (OSError, ValueError, ArithmeticError) as error:
        parser.error(str(error))

    inside = np.mean((low <= test_y) & (test_y <= high))
    print(f"learned from {len(x)} patients, {HELD_OUT} of them held out; tested on {TEST} others")
    print(f"mean absolute error: {np.abs(middle - test_y).mean():.1f}; of the median of all: ", end="")
    print(f"{np.abs(np.median(y) - test_y).mean():.1f}")
    print(f"90 % intervals hold {inside:.0%} of what came; they are {np.mean(high - low):.0f} wide")
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
