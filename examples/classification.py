"""A calibrated classifier
=======================

Which tumours are malignant, from four measurements of a biopsy.

The table is scikit-learn's (Wolberg, Street and Mangasarian 1993), with labels as text. Half of the malignant cases are
left out here, so that they are rare, and so are the measurements of size, which would tell nearly all. What is done:

- `fnn.sklearn.MLPClassifier` is the last step of a Pipeline, after a ColumnTransformer that picks the columns;
- ``class_weight="balanced"`` lets the rare class count as much as the other one, ``standardize=True`` brings inputs to
  one scale, and a search by cross-validation finds the penalty and the hidden units;
- but then its probabilities are those of a world with as many of either class. CalibratedClassifierCV mends that, by
  what networks make of cases that they were not trained on (Platt 1999).

The picture shows the confusion matrix of tumours that were not learned from, and how often a tumour is malignant for
what was predicted, before and after. Run it as::

    python examples/classification.py
    python examples/classification.py --seed 1 --out /tmp
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

try:
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
    from sklearn.compose import ColumnTransformer
    from sklearn.datasets import load_breast_cancer
    from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, brier_score_loss
    from sklearn.model_selection import GridSearchCV, train_test_split
    from sklearn.pipeline import Pipeline

    from fnn.sklearn import MLPClassifier
except ImportError as error:
    raise SystemExit(
        f"This example needs pandas, scikit-learn and matplotlib ({error}): pip install 'fnn[examples]'"
    ) from None

Labels: TypeAlias = NDArray[np.str_]

MEASURED = ["mean texture", "mean smoothness", "mean symmetry", "mean fractal dimension"]


def table() -> tuple[pd.DataFrame, Labels]:
    """A row for each biopsy, and what was found."""
    data = load_breast_cancer(as_frame=True)
    found = data.target_names[data.target]
    left_out = np.flatnonzero(found == "malignant")[::2]

    return data.data.drop(index=left_out), np.delete(found, left_out)


def tuned(x: pd.DataFrame, found: Labels, seed: int) -> Pipeline:
    """The classifier whose penalty and hidden units did best in cross-validation, trained on all cases."""
    network = MLPClassifier(
        activation="tanh", solver="lbfgs", max_iter=1000, class_weight="balanced", standardize=True, random_state=seed
    )
    pipeline = Pipeline([("columns", ColumnTransformer([("measured", "passthrough", MEASURED)])), ("network", network)])
    search = GridSearchCV(
        pipeline, {"network__alpha": [0.1, 1, 10], "network__hidden_layer_sizes": [(4,), (16,)]},
        scoring="balanced_accuracy", error_score="raise",
    )  # fmt: skip

    return search.fit(x, found).best_estimator_


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Tell malignant from benign tumours, with calibrated probabilities.")
    parser.add_argument("--seed", type=int, default=0, help="of first weights (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("classification.png"), help="file or folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    out = args.out / "classification.png" if args.out.is_dir() else args.out

    biopsies, found = table()
    x, test_x, y, test_y = train_test_split(biopsies, found, test_size=1 / 3, stratify=found, random_state=0)
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    try:
        balanced = tuned(x, y, args.seed)
        calibrated = CalibratedClassifierCV(balanced, ensemble=False).fit(x, y)
        for model, name, colour in (balanced, "balanced", "#b2182b"), (calibrated, "calibrated", "#2166ac"):
            malignant = model.predict_proba(test_x)[:, list(model.classes_).index("malignant")]
            print(f"{name}: accuracy {accuracy_score(test_y, model.predict(test_x)):.1%}, ", end="")
            print(f"Brier score {brier_score_loss(test_y, malignant, pos_label='malignant'):.4f}, ", end="")
            print(f"expects {malignant.sum():.1f} malignant, {(test_y == 'malignant').sum()} came")
            CalibrationDisplay.from_predictions(
                test_y,
                malignant,
                pos_label="malignant",
                n_bins=5,
                strategy="quantile",
                name=name,
                color=colour,
                ax=right,
            )
        ConfusionMatrixDisplay.from_estimator(calibrated, test_x, test_y, cmap="Blues", colorbar=False, ax=left)
        left.set_title("tumours that were not learned from", loc="left")
        right.set_title("malignant, by the probability predicted", loc="left")
        figure.savefig(out, dpi=150)
    except (OSError, ValueError) as error:
        parser.error(str(error))

    counts = ", ".join(f"{count} {name}" for name, count in zip(*np.unique(y, return_counts=True), strict=True))
    print(f"learned from {counts}; tested on {len(test_x)}")
    print(f"chosen: alpha {balanced[-1].alpha}, hidden units {balanced[-1].hidden_layer_sizes}")
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
