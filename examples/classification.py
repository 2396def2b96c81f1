"""Text labels to a calibrated classifier: which tumours are malignant, from four measurements of a biopsy.

The table is scikit-learn's (Wolberg, Street and Mangasarian 1993), with labels as text. Half of the malignant cases are
left out here, so that they are rare, and so are the measurements of size, which would tell nearly all. What is done:

- `np.unique` turns text into labels, and class weights let the rare class count as much as the other one, so that the
  network learns to tell it;
- then its probabilities are those of a world with as many of either class. A second network, of one layer, is trained
  on what the first makes of cases that were held out, without weights: it calibrates them (Platt scaling for several
  classes; Guo et al. 2017). Its product with the last layer is one network again.

The picture shows the confusion matrix of tumours that were not learned from, and how often a tumour is malignant for
what was predicted, before and after. Run it as::

    python examples/classification.py
    python examples/classification.py --hidden 16 --seed 1 --out /tmp
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from sklearn.datasets import load_breast_cancer
except ImportError as error:
    raise SystemExit(f"This example needs scikit-learn and matplotlib ({error}): pip install 'fnn[examples]'") from None

Reals: TypeAlias = NDArray[np.float64]
Network: TypeAlias = fnn.Params[np.float64]

MEASURED = ("mean texture", "mean smoothness", "mean symmetry", "mean fractal dimension")


class Biopsies(NamedTuple):
    """Measurements (N, 4), and what was found, as text."""

    x: Reals
    found: NDArray[np.str_]


def load() -> tuple[Biopsies, Biopsies, Biopsies]:
    """Those to learn from, to calibrate on and to test on; the same ones every time."""
    data = load_breast_cancer()
    x, found = data.data[:, np.isin(data.feature_names, MEASURED)], data.target_names[data.target]
    order = np.random.default_rng(0).permutation(len(found))
    malignant = order[found[order] == "malignant"]
    order = order[~np.isin(order, malignant[::2])]

    def part(numbers: NDArray[np.int64]) -> Biopsies:
        return Biopsies(x[numbers], found[numbers])

    return part(order[0::3]), part(order[1::3]), part(order[2::3])


def learn(learned: Biopsies, held_out: Biopsies, classes: NDArray[np.str_], hidden: int, seed: int) -> Network:
    """The classifier in raw units, before it is calibrated."""
    shift, scale = learned.x.mean(axis=0), learned.x.std(axis=0)
    labels = np.searchsorted(classes, learned.found)
    balanced = len(labels) / (len(classes) * np.bincount(labels))
    run = fnn.train(
        fnn.init((learned.x.shape[1], hidden, len(classes)), seed=seed, hidden=fnn.tanh, output=fnn.softmax),
        fnn.Cases((learned.x - shift) / scale, labels, class_weights=balanced),
        validation=((held_out.x - shift) / scale, np.searchsorted(classes, held_out.found)),
        loss=fnn.cross_entropy, reduction="mean", optimizer=fnn.adam(3e-3),
        regularization=fnn.Regularization(l2=1e-3), epochs=500, batch_size=16, seed=seed,
        stopping=fnn.Stopping(patience=30, restore_best=True),
    )  # fmt: skip

    return fnn.fold(run.params, x_shift=shift, x_scale=scale)


def calibrated(params: Network, held_out: Biopsies, classes: NDArray[np.str_]) -> Network:
    """The classifier with a softmax layer behind its last z that was trained on the cases held out."""
    z = fnn.Params(dict(params), hidden=fnn.tanh, output=fnn.identity)  # the same but for the softmax
    start = fnn.Params({"W1": np.eye(len(classes)), "b1": np.zeros(len(classes))}, hidden=(), output=fnn.softmax)
    layer = fnn.train(
        start, fnn.forward(z, held_out.x), np.searchsorted(classes, held_out.found), loss=fnn.cross_entropy,
        reduction="mean", eta=0.1, epochs=5000,
    ).params  # fmt: skip

    return params.replace({"W2": params["W2"] @ layer["W1"], "b2": params["b2"] @ layer["W1"] + layer["b1"]})


def expected_error(probability: Reals, came: NDArray[np.bool_]) -> float:
    """The mean squared error of a probability: Brier's score."""
    return float(np.mean((probability - came) ** 2))


def draw_confusion(axes: Axes, counts: NDArray[np.int64], classes: NDArray[np.str_]) -> None:
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center", color="white" if count > counts.max() / 2 else "0")
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("predicted")
    axes.set_ylabel("found")
    axes.set_title("tumours that were not learned from", loc="left")


def draw_reliability(axes: Axes, probability: Reals, came: NDArray[np.bool_], name: str, colour: str) -> None:
    """How often it came, in five groups of equal size by what was predicted."""
    groups = np.array_split(np.argsort(probability), 5)
    axes.plot(
        [probability[g].mean() for g in groups], [came[g].mean() for g in groups], "o-", color=colour, label=name
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Tell malignant from benign tumours, with calibrated probabilities.")
    parser.add_argument("--hidden", type=int, default=8, help="hidden units (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of first weights and order (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("classification.png"), help="file or folder (default: %(default)s)"
    )
    args = parser.parse_args(argv)
    out = args.out / "classification.png" if args.out.is_dir() else args.out

    learned, held_out, test = load()
    classes, counts = np.unique(learned.found, return_counts=True)
    labels = np.searchsorted(classes, test.found)
    is_malignant, column = test.found == "malignant", int(np.searchsorted(classes, "malignant"))
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    try:
        before = learn(learned, held_out, classes, args.hidden, args.seed)
        after = calibrated(before, held_out, classes)
        for params, name, colour in (before, "balanced", "#b2182b"), (after, "calibrated", "#2166ac"):
            probability = fnn.forward(params, test.x)[:, column]
            print(f"{name}: accuracy {fnn.accuracy(params, test.x, labels):.1%}, ", end="")
            print(f"Brier score {expected_error(probability, is_malignant):.4f}, ", end="")
            print(f"expects {probability.sum():.1f} malignant, {is_malignant.sum()} came")
            draw_reliability(right, probability, is_malignant, name, colour)
        draw_confusion(left, fnn.confusion_matrix(after, test.x, labels), classes)
        right.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        right.set_title("malignant, by the probability predicted", loc="left")
        right.set_xlabel("predicted")
        right.set_ylabel("came")
        right.legend(frameon=False)
        figure.savefig(out, dpi=150)
    except (OSError, ValueError, fnn.TrainingDiverged) as error:
        parser.error(str(error))

    named = ", ".join(f"{count} {name}" for name, count in zip(classes, counts, strict=True))
    print(f"learned from {named}; calibrated on {len(held_out.x)} cases, tested on {len(test.x)}")
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
