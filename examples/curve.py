"""Curves by second-order methods
==============================

Where they arrive, how fast, and how sure the fitted curve is.

Small networks on smooth functions are what Levenberg and Marquardt's method is for, and L-BFGS where there are too many
parameters for it. Here they meet the first-order methods three times:

- sinc(10x) without noise: the error that each method reaches, against the seconds that it took;
- a sine with noise, and a network that can follow the noise, which the better method does: with Bayesian
  regularisation most of its parameters don't count. `fnn.posterior` tells how many do, and intervals for new points and
  for the curve itself: where a fit is arbitrary, they are as wide as it is bad;
- the two smallest problems of MATLAB's comparison of training functions, a period of a sine by 1-5-1 units to a mean
  squared error of 0.002 and the parity of three bits by 3-10-10-1 to 0.001: how many of 30 starts arrive within some
  epochs, and after how many seconds. Learning rates are the best for both of four that were tried.

Run it as::

    python examples/curve.py
    python examples/curve.py --quick --out /tmp
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise SystemExit(f"This example needs matplotlib ({error}): pip install 'fnn[examples]'") from None

Reals: TypeAlias = NDArray[np.float64]
Network: TypeAlias = fnn.Params[np.float64]
Run: TypeAlias = fnn.Run[np.float64]
Method: TypeAlias = fnn.Optimizer | fnn.Solver

HIDDEN = 20  # units
NOISY, NOISE = 100, 0.3  # points of the sine and the deviation of their noise
LEVEL = 0.9  # of the intervals
LM, BAYESIAN = "Levenberg-Marquardt", "Bayesian"
FITTED = ("Adam", "L-BFGS", LM, BAYESIAN)
COLOURS = "#0072b2", "#d55e00", "#009e73"  # those of `fnn.plots.history`
ALL: Mapping[str, Method] = {
    "gradient_descent": fnn.gradient_descent(0.3),
    "momentum": fnn.momentum(0.3),
    "nesterov": fnn.nesterov(0.3),
    "adagrad": fnn.adagrad(0.3),
    "adadelta": fnn.adadelta(),
    "rmsprop": fnn.rmsprop(0.01),
    "adam": fnn.adam(0.1),
    "adamw": fnn.adamw(0.1),
    "nadam": fnn.nadam(0.1),
    "amsgrad": fnn.amsgrad(0.1),
    "lion": fnn.lion(0.003),
    "irprop": fnn.irprop(),
    "lbfgs": fnn.lbfgs(),
    "levenberg_marquardt": fnn.levenberg_marquardt(),
}


class Problem(NamedTuple):
    """Cases, a network for them, and the mean squared error to reach."""

    name: str
    sizes: tuple[int, ...]
    output: fnn.Activation
    x: Reals
    y: Reals
    goal: float


def problems() -> list[Problem]:
    x, bits = np.linspace(-1, 1, 41)[:, None], np.array(list(product([-1.0, 1.0], repeat=3)))

    return [
        Problem("SIN", (1, 5, 1), fnn.identity, x, np.sin(np.pi * x), 0.002),
        Problem("PARITY", (3, 10, 10, 1), fnn.tanh, bits, bits.prod(axis=1, keepdims=True), 0.001),
    ]


def network(sizes: tuple[int, ...], seed: int, output: fnn.Activation = fnn.identity) -> Network:
    return fnn.init(sizes, seed=seed, hidden=fnn.tanh, output=output, initializer=fnn.nguyen_widrow)


def fit(name: str, x: Reals, y: Reals, seed: int, effort: float) -> Run:
    """Train by a method, some epochs of each: those of Adam are in batches, and the others' go through all cases."""
    methods: Mapping[str, tuple[Method, int, int | None]] = {
        "Adam": (fnn.adam(fnn.cosine(0.02)), 4000, 100),
        "L-BFGS": (fnn.lbfgs(), 4000, None),
        LM: (fnn.levenberg_marquardt(), 500, None),
        BAYESIAN: (fnn.levenberg_marquardt(bayesian=True), 500, None),
    }
    method, epochs, batch_size = methods[name]
    start = network((1, HIDDEN, 1), seed)

    def run(epochs: int) -> Run:
        return fnn.train(start, x, y, optimizer=method, epochs=epochs, batch_size=batch_size, seed=seed)

    run(1)  # what is compiled isn't timed

    return run(max(round(effort * epochs), 1))


def sine(x: Reals) -> Reals:
    return np.sin(2 * np.pi * x)


def drawn(random: np.random.Generator, count: int) -> tuple[Reals, Reals]:
    """Points of the sine with noise."""
    x = random.uniform(-1, 1, (count, 1))

    return x, sine(x) + NOISE * random.standard_normal(x.shape)


def known(run: Run, x: Reals, y: Reals) -> fnn.Posterior[np.float64] | None:
    """How sure the fit is; None if the points are too few to tell the noise."""
    try:
        return fnn.posterior(run, x, y)
    except ValueError:
        return None


def print_sinc(runs: Mapping[str, Run]) -> None:
    print(f"sinc(10x), 2,000 points, 1-{HIDDEN}-1 tanh units:")
    print("                       mean squared error   epochs   seconds   ended by")
    for name, run in runs.items():
        epochs, seconds = len(run.history), run.history.seconds[-1]
        print(f"  {name:20} {2 * run.history.error[-1]:19.1e} {epochs:8} {seconds:9.2f}   {run.stop_reason}")


def print_sine(runs: Mapping[str, Run], x: Reals, y: Reals, random: np.random.Generator) -> None:
    """Errors and intervals of the fits of a noisy sine, on new points."""
    new_x, new_y = drawn(random, 10_000)
    print(f"\na sine with noise of {NOISE}, {len(x)} points, the same network:")
    print(f"                       error of the curve   parameters that count   noise   {LEVEL:.0%} intervals hold")
    for name, run in runs.items():
        off = np.sqrt(np.mean((fnn.forward(run.params, new_x) - sine(new_x)) ** 2))
        posterior = known(run, x, y)
        if posterior is None:
            print(f"  {name:20} {off:19.3f}   too few points for intervals")
            continue
        low, high = posterior.interval(new_x, LEVEL)
        count, inside = posterior.effective_parameters, np.mean((low <= new_y) & (new_y <= high))
        print(f"  {name:20} {off:19.3f} {count:16.1f} of {run.params.flat.size} {posterior.noise:7.3f} {inside:20.1%}")


def print_coverage(random: np.random.Generator, sets: int) -> None:
    """How often the intervals are right: one set of points tells of its own noise alone."""
    cases = [fnn.Cases(*drawn(random, NOISY)) for _ in range(sets)]
    starts = [network((1, HIDDEN, 1), seed) for seed in range(sets)]
    method = fnn.levenberg_marquardt(bayesian=True)
    runs = fnn.train_many(starts, fnn.Each(cases), optimizer=method, epochs=200)
    inside = []
    for run, own in zip(runs, cases, strict=True):
        new_x, new_y = drawn(random, 1000)
        low, high = fnn.posterior(run, own).interval(new_x, LEVEL)
        inside.append(np.mean((low <= new_y) & (new_y <= high)))
    print(f"  of {sets} other sets of points the Bayesian intervals hold {np.mean(inside):.1%}")


def arrivals(problem: Problem, method: Method, starts: int, epochs: int) -> tuple[int, float]:
    """How many starts reach the goal, and their mean seconds until then."""
    networks = [network(problem.sizes, seed, problem.output) for seed in range(starts)]
    try:
        runs: Sequence[object] = fnn.train_many(
            networks, problem.x, problem.y, optimizer=method, epochs=epochs, reduction="mean", threads=1
        )
    except fnn.SomeDiverged as error:
        runs = error.outcomes
    seconds = []
    for run in runs:
        if isinstance(run, fnn.Run) and (arrived := 2 * run.history.error <= problem.goal).any():
            history = run.history  # whose seconds are those of groups of epochs
            seconds.append((np.argmax(arrived) + 1) * history.seconds[-1] / len(history))

    return len(seconds), float(np.mean(seconds)) if seconds else np.nan


def print_arrivals(starts: int, epochs: int) -> None:
    both = problems()
    print(f"\nhow many of {starts} starts arrive within {epochs:,} epochs, and their mean milliseconds until then:")
    print(f"{'':22}" + "".join(f"{f'{p.name} to {p.goal}':>24}" for p in both))
    for name, method in ALL.items():
        for problem in both:  # compile
            arrivals(problem, method, 1, 1)
        cells = [arrivals(problem, method, starts, epochs) for problem in both]
        print(f"  {name:20}" + "".join(f"{count:14}{1000 * seconds:10.2f}" for count, seconds in cells))


def draw_distances(axes: Axes, runs: Mapping[str, Run]) -> None:
    x = np.linspace(-1, 1, 1000)[:, None]
    for (name, run), colour in zip(runs.items(), COLOURS, strict=True):
        axes.semilogy(x, np.abs(fnn.forward(run.params, x) - np.sinc(10 * x)), color=colour, linewidth=1, label=name)
    axes.set(xlabel="x", ylabel="distance")
    axes.set_title("how far the fits are from sinc(10x)", loc="left")


def draw_errors(axes: Axes, runs: Mapping[str, Run]) -> None:
    fnn.plots.history(runs, by="seconds", ax=axes)
    axes.set_xscale("log")
    axes.set_title("their errors on the way", loc="left")


def draw_intervals(axes: Axes, name: str, run: Run, x: Reals, y: Reals) -> None:
    posterior = known(run, x, y)
    title = f"{name}: no intervals"
    if posterior is not None:
        title = f"{name}: {posterior.effective_parameters:.1f} of {run.params.flat.size} parameters count"
    fnn.plots.curve(run.params if posterior is None else posterior, x, y, level=LEVEL, ax=axes)
    at = np.linspace(-1, 1, 500)
    axes.plot(at, sine(at), color="black", linewidth=3, alpha=0.25, label="sine")
    axes.set_ylim(-2.2, 2.2)
    axes.set_title(title, loc="left")


def save_picture(path: Path, of_sinc: Mapping[str, Run], of_sine: Mapping[str, Run], x: Reals, y: Reals) -> None:
    """Where fits of sinc arrive, above; below, the intervals of the sine for new points and, darker, for the curve."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    panels = figure.subplots(2, 2)
    draw_distances(panels[0, 0], of_sinc)
    draw_errors(panels[0, 1], of_sinc)
    for axes, name in zip(panels[1], (LM, BAYESIAN), strict=True):
        draw_intervals(axes, name, of_sine[name], x, y)
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(framealpha=0.8, edgecolor="none", fontsize=8)
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fit curves by second-order methods, with intervals.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs, three starts")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and noise (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("curve.png"), help="file or folder (default: %(default)s)")
    args = parser.parse_args(argv)
    out = args.out / "curve.png" if args.out.is_dir() else args.out
    effort, starts, epochs = (0.1, 3, 300) if args.quick else (1.0, 30, 3000)

    try:
        x = np.linspace(-1, 1, 2000)[:, None]
        of_sinc = {name: fit(name, x, np.sinc(10 * x), args.seed, effort) for name in FITTED if name != BAYESIAN}
        random = np.random.default_rng(args.seed)
        noisy_x, noisy_y = drawn(random, NOISY)
        of_sine = {name: fit(name, noisy_x, noisy_y, args.seed, effort) for name in FITTED}
        save_picture(out, of_sinc, of_sine, noisy_x, noisy_y)
    except (OSError, ValueError, ArithmeticError) as error:
        parser.error(str(error))
    print_sinc(of_sinc)
    print_sine(of_sine, noisy_x, noisy_y, random)
    print_coverage(random, starts)
    print_arrivals(starts, epochs)
    print(f"\npicture: {out}")


if __name__ == "__main__":
    main()
