"""Symmetry, as in the paper of 1986
=================================

Is a string of six bits its own mirror image? A network of Rumelhart, Hinton and Williams (Nature 323, 1986).

Two hidden units are enough. As in the paper: 6-2-1 sigmoid units; all 64 strings in every sweep, one update a sweep;
squared error, summed; ε = 0.1 and α = 0.9; weights and biases uniform in ±0.3. The paper's network learned it in 1,425
sweeps. Here every seed gets ``--sweeps`` sweeps and has solved it if all 64 outputs are then on the right side of 0.5;
the sweep that is told is the first after which they were. 67 of the first 100 seeds do so within 5,000, after 1,861 in
the median.

Into either unit the weights end as the paper's did: equal in magnitude and opposite in sign about the middle, so that a
symmetric string leaves the unit off, and in the ratio 1:2:4, so that nothing else does. The picture shows one of the
networks, with weights on the arcs and biases in the units. Run it as::

    python examples/symmetry.py
    python examples/symmetry.py --seeds 10 --out /tmp
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise SystemExit(f"This example needs matplotlib ({error}): pip install 'fnn[examples]'") from None

Doubles = NDArray[np.float64]
Network = fnn.Params[np.float64]

X: Doubles = np.array(list(product((0.0, 1.0), repeat=6)))
Y: Doubles = (X[:, ::-1] == X).all(axis=1, keepdims=True).astype(np.float64)


class Solution(NamedTuple):
    """A network that solves it, from which seed, and after how many sweeps it first did."""

    seed: int
    sweep: int
    params: Network


def is_solved(params: Network) -> bool:
    return bool(((fnn.forward(params, X) > 0.5) == (Y > 0.5)).all())


def learn(seed: int, sweeps: int, *until: fnn.Callback[np.float64]) -> fnn.Run[np.float64]:
    params = fnn.init((6, 2, 1), seed=seed, initializer=fnn.uniform(-0.3, 0.3))
    callbacks = [*until, fnn.progress(False)]

    return fnn.train(params, X, Y, optimizer=fnn.momentum(0.1, alpha=0.9), epochs=sweeps, callbacks=callbacks)


def solve(seed: int, sweeps: int) -> Solution | None:
    """The network from this seed, if it has learned; a second run finds the first sweep that was right."""
    params = learn(seed, sweeps).params
    if not is_solved(params):
        return None
    until = learn(seed, sweeps, fnn.each_epoch(lambda sweep, params, record: is_solved(params)))

    return Solution(seed, len(until.history), params)


def asymmetry(params: Network) -> float:
    """How far the weights about the middle are from opposite, relative to the largest."""
    W = params["W1"]

    return float(np.abs(W + W[::-1]).max() / np.abs(W).max())


def ratios(params: Network) -> Doubles:
    """Magnitudes of the three pairs of weights into each hidden unit, as multiples of the smallest: (3, 2)."""
    pairs = np.sort((np.abs(params["W1"][:3]) + np.abs(params["W1"][:2:-1])) / 2, axis=0)

    return np.asarray(pairs / pairs[0])


def report(solutions: Sequence[Solution], seeds: int, sweeps: int) -> None:
    print(f"solved: {len(solutions)} of {seeds} seeds within {sweeps:,} sweeps")
    if not solutions:
        return
    least, low, median, high, most = np.percentile([s.sweep for s in solutions], [0, 25, 50, 75, 100])
    print(f"first right after {median:,.0f} sweeps (median; quartiles {low:,.0f} and {high:,.0f}, ", end="")
    print(f"from {least:,.0f} to {most:,.0f}; the paper: 1,425)")
    _, two, four = np.median([ratios(s.params) for s in solutions], axis=(0, 2))
    print(f"weights about the middle: opposite to within {max(asymmetry(s.params) for s in solutions):.2%}")
    print(f"their magnitudes: 1 : {two:.2f} : {four:.2f} (median of all hidden units)")
    near = sum(bool(np.allclose(ratios(s.params), [[1], [2], [4]], rtol=0.05)) for s in solutions)
    print(f"within 5% of 1 : 2 : 4: {near} of {len(solutions)} networks")


def save_picture(path: Path, solution: Solution) -> None:
    figure = Figure(figsize=(8, 5), layout="compressed")
    axes = fnn.plots.network(
        solution.params, inputs=[f"bit {i}" for i in range(1, 7)], numbers=True, ax=figure.subplots()
    )
    axes.set_title(f"seed {solution.seed}: weights on the arcs, biases in the units", loc="left")
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Repeat Rumelhart, Hinton and Williams's symmetry network.")
    parser.add_argument("--seeds", type=int, default=100, help="how many, from 0 on (default: %(default)s)")
    parser.add_argument("--sweeps", type=int, default=5000, help="through the 64 strings (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("symmetry.png"), help="file or folder (default: %(default)s)")
    args = parser.parse_args(argv)
    for option in ("seeds", "sweeps"):
        if getattr(args, option) < 1:
            parser.error(f"--{option}: must be at least 1, got {getattr(args, option)}")
    out = args.out / "symmetry.png" if args.out.is_dir() else args.out
    solutions = [found for seed in range(args.seeds) if (found := solve(seed, args.sweeps))]
    report(solutions, args.seeds, args.sweeps)
    if solutions:
        try:
            save_picture(out, solutions[0])
        except (OSError, ValueError) as error:
            parser.error(str(error))
        print(f"picture: {out}, of seed {solutions[0].seed}")


if __name__ == "__main__":
    main()
