"""Hundreds of small networks at once
==================================

Which settings learn best, and how far an ensemble of restarts disagrees.

The cases are a curve with noise and a gap in it. `train_many` trains a network for each width, learning rate and seed;
each has the bits that `train` would give it alone, and the errors on cases that are held out say which settings are
best. The networks of these settings, which differ only in their first weights, agree where there were cases and not in
the gap: their spread tells where not to trust them (Lakshminarayanan, Pritzel and Blundell 2017). Run it as::

    python examples/sweep.py
    python examples/sweep.py --seeds 50 --epochs 500 --out /tmp
    python examples/sweep.py --processes 2
"""

import argparse
import itertools
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise SystemExit(f"This example needs matplotlib ({error}): pip install 'fnn[examples]'") from None

Reals: TypeAlias = NDArray[np.float64]

WIDTHS, RATES = (4, 16, 64), (1e-3, 1e-2, 1e-1)


class Setting(NamedTuple):
    """Hidden units, and the learning rate of Adam."""

    width: int
    eta: float


def curve(x: Reals) -> Reals:
    return np.sin(3 * x) + 0.3 * x


def load() -> tuple[fnn.Cases, fnn.Cases]:
    """The cases to learn from, and those held out: x in [−3, −0.5] and [1, 3]."""
    random = np.random.default_rng(0)
    x = np.concatenate([random.uniform(-3, -0.5, 200), random.uniform(1, 3, 200)])[:, None]
    y = curve(x) + 0.15 * random.normal(size=x.shape)
    order = random.permutation(len(x))

    return fnn.Cases(x[order[100:]], y[order[100:]]), fnn.Cases(x[order[:100]], y[order[:100]])


def save_picture(path: Path, learned: fnn.Cases, networks: Sequence[fnn.Params[np.float64]]) -> None:
    """The mean of the ensemble, and two standard deviations to both sides."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = fnn.plots.curve(networks, learned, span=(-4, 4), names=["y"], ax=figure.subplots())
    x = np.linspace(-4, 4, 401)
    axes.plot(x, curve(x), "--", color="0.4", linewidth=1, label="the curve")
    axes.set_ylim(-3, 3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train many networks at once, and choose and combine the best.")
    parser.add_argument("--seeds", type=int, default=12, help="networks for each setting (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=300, help="passes over the cases (default: %(default)s)")
    parser.add_argument("--processes", type=int, help="number of processes (default: threads of this one)")
    parser.add_argument("--out", type=Path, default=Path("sweep.png"), help="file or folder (default: %(default)s)")
    args = parser.parse_args(argv)
    if args.seeds < 2:
        parser.error(f"--seeds: must be at least 2, got {args.seeds}")
    if args.processes is not None and args.processes < 1:
        parser.error(f"--processes: must be at least 1, got {args.processes}")
    executor = None if args.processes is None else partial(ProcessPoolExecutor, args.processes)
    out = args.out / "sweep.png" if args.out.is_dir() else args.out

    learned, held_out = load()
    settings = list(itertools.starmap(Setting, itertools.product(WIDTHS, RATES)))
    every = [(setting, seed) for setting in settings for seed in range(args.seeds)]
    starts = [
        fnn.init((1, setting.width, setting.width, 1), seed=seed, hidden=fnn.tanh, output=fnn.identity)
        for setting, seed in every
    ]
    began = time.perf_counter()
    try:
        runs = fnn.train_many(
            starts, learned, optimizer=fnn.Each([fnn.adam(setting.eta) for setting, _ in every]), reduction="mean",
            seed=fnn.Each([seed for _, seed in every]), epochs=args.epochs, batch_size=32, validation=held_out,
            stopping=fnn.Stopping(restore_best=True), executor=executor,
        )  # fmt: skip
    except (ValueError, fnn.SomeDiverged) as error:
        parser.error(str(error))
    seconds = time.perf_counter() - began

    errors = {
        setting: np.array([fnn.error(run.params, held_out, reduction="mean") for run in runs[i : i + args.seeds]])
        for setting, i in zip(settings, range(0, len(runs), args.seeds), strict=True)
    }
    print("units  Adam's η  held-out error: median, least, largest")
    for setting, of_setting in errors.items():
        quantiles = "  ".join(f"{q:.4f}" for q in np.quantile(of_setting, (0.5, 0, 1)))
        print(f"{setting.width:5}  {setting.eta:8.0e}  {quantiles}")
    best = min(settings, key=lambda setting: float(np.median(errors[setting])))
    networks = [run.params for (setting, _), run in zip(every, runs, strict=True) if setting == best]
    mean = np.mean([fnn.forward(params, held_out.x) for params in networks], axis=0)
    print(
        f"best: {best.width} units, η = {best.eta:g}; the ensemble's error: {np.mean((mean - held_out.y) ** 2) / 2:.4f}"
    )
    print(f"trained {len(runs)} networks in {seconds:.1f} s")
    save_picture(out, learned, networks)
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
