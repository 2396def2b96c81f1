"""A network instead of an expensive function
==========================================

How many lynxes and hares the trappers of the Hudson's Bay Company brought in from 1900 to 1920 follows Lotka and
Volterra's equations, with errors (the model, its priors and the data are those of Carpenter's case study for Stan,
2018). A Markov chain over the eight parameters, Metropolis's, solves the differential equations at every step. From
some thousand of these solutions a network learns how the posterior departs from a normal distribution. Then the same
chain runs

- on the network alone: fast, and off by what the network doesn't know (here up to 0.02 standard deviations, which
  takes more steps to see than it makes);
- on both: what the network turns down is never solved for, and what it lets pass is decided so that the result is that
  of the true posterior (delayed acceptance; Christen and Fox 2005).

Everything is compiled, the network is a call inside the chain's loop. On the network alone the chain is some 35 times
as fast, on both 3.6 times. The picture shows where the three chains were. Run it as::

    python examples/surrogate.py
    python examples/surrogate.py --quick --out posterior.png   # with matplotlib
"""

import argparse
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

import fnn

Network: TypeAlias = fnn.Params[np.float64]
Reals: TypeAlias = NDArray[np.float64]

HARES = np.array([30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6,
                  14.6, 16.2, 24.7])  # fmt: skip
LYNXES = np.array([4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7,
                   10.1, 8.6])  # fmt: skip
NAMES = ("α", "β", "γ", "δ", "hares in 1900", "lynxes in 1900", "error of hares", "error of lynxes")
START = (0.5, 0.03, 0.8, 0.03, 30.0, 5.0, 0.3, 0.3)
STEPS_A_YEAR = 20

SPREAD = 2.38 / math.sqrt(8)  # of proposals, the best for a normal distribution
LIMIT = 10.0  # of the departures to learn

TRUE, NETWORK, BOTH = range(3)  # what a chain runs on


@njit(cache=True)
def years(theta: Reals, hares: Reals, lynxes: Reals) -> None:
    """Solve u′ = (α − βv)u and v′ = (δu − γ)v for every year's hares u and lynxes v, by Runge and Kutta's method."""
    alpha, beta, gamma, delta = theta[0], theta[1], theta[2], theta[3]
    u, v = theta[4], theta[5]
    h = 1 / STEPS_A_YEAR
    for year in range(hares.size):
        hares[year], lynxes[year] = u, v
        for _ in range(STEPS_A_YEAR):
            du1, dv1 = (alpha - beta * v) * u, (delta * u - gamma) * v
            u2, v2 = u + h / 2 * du1, v + h / 2 * dv1
            du2, dv2 = (alpha - beta * v2) * u2, (delta * u2 - gamma) * v2
            u3, v3 = u + h / 2 * du2, v + h / 2 * dv2
            du3, dv3 = (alpha - beta * v3) * u3, (delta * u3 - gamma) * v3
            u4, v4 = u + h * du3, v + h * dv3
            du4, dv4 = (alpha - beta * v4) * u4, (delta * u4 - gamma) * v4
            u += h / 6 * (du1 + 2 * du2 + 2 * du3 + du4)
            v += h / 6 * (dv1 + 2 * dv2 + 2 * dv3 + dv4)


@njit(cache=True)
def log_posterior(logs: Reals) -> float:
    """The log density of the logarithms of the parameters, but for a constant."""
    theta, hares, lynxes = np.exp(logs), np.empty(HARES.size), np.empty(HARES.size)
    years(theta, hares, lynxes)
    total = 0.0
    for k in (0, 2):  # α, γ ~ N(1, ½) and β, δ ~ N(0.05, 0.05), above 0
        total += logs[k] - ((theta[k] - 1) / 0.5) ** 2 / 2
        total += logs[k + 1] - ((theta[k + 1] - 0.05) / 0.05) ** 2 / 2
    for k in (4, 5):  # log(animals in 1900) ~ N(log 10, 1) and log(error) ~ N(−1, 1)
        total -= (logs[k] - math.log(10)) ** 2 / 2 + (logs[k + 2] + 1) ** 2 / 2
    for year in range(HARES.size):
        if not (0 < hares[year] < np.inf and 0 < lynxes[year] < np.inf):  # far off, where the steps are too long
            return -np.inf
        total -= logs[6] + (math.log(HARES[year] / hares[year]) / theta[6]) ** 2 / 2
        total -= logs[7] + (math.log(LYNXES[year] / lynxes[year]) / theta[7]) ** 2 / 2
    return total


@njit(cache=True)
def stretched(centre: Reals, root: Reals, z: Reals) -> Reals:
    """The logarithms of the parameters for z, which has about mean 0 and covariance 1."""
    logs = centre.copy()
    for i in range(z.size):
        for j in range(i + 1):
            logs[i] += root[i, j] * z[j]
    return logs


@njit(cache=True)
def half_square(z: Reals) -> float:
    """½ Σ zᵢ²: the log density of a standard normal z, with the other sign."""
    total = 0.0
    for value in z:
        total += value * value / 2
    return total


@njit(cache=True)
def departure(centre: Reals, root: Reals, z: Reals) -> float:
    """How far the log posterior is above the log density of a standard normal z."""
    return log_posterior(stretched(centre, root, z)) + half_square(z)


@njit(cache=True)
def learn(
    params: Network, centre: Reals, root: Reals, visited: Reals, random: np.random.Generator
) -> tuple[Network, float]:
    """Fit the departure, less that at z = 0, where a chain was and where it could have gone; with the error there."""
    x, y, count = np.empty((2 * len(visited), 8)), np.empty((2 * len(visited), 1)), 0
    level = departure(centre, root, np.zeros(8))
    for k in range(2 * len(visited)):
        for i in range(8):
            x[count, i] = visited[k // 2, i] + k % 2 * SPREAD * random.standard_normal()
        y[count, 0] = departure(centre, root, x[count]) - level
        count += abs(y[count, 0]) < LIMIT  # where the chain won't go, all that matters is that it won't
    x, y = x[:count], y[:count]
    for k in range(3):
        params = fnn.train(params, x, y, eta=0.03 / 4**k, epochs=30, batch_size=16, reduction="mean", seed=k).params
    return params, math.sqrt(2 * fnn.error(params, x, y, reduction="mean"))


@njit(cache=True)
def walk(
    on: int, params: Network, centre: Reals, root: Reals, random: np.random.Generator, steps: int, thin: int
) -> tuple[Reals, int]:
    """Metropolis's chain from z = 0 on: every thin-th z, and how often the equations were solved."""
    z, new, out, kept = np.zeros(8), np.empty(8), np.zeros(1), np.empty((steps // thin, 8))
    true = new_true = departure(centre, root, z) if on != NETWORK else 0.0
    guess = new_guess = fnn.forward(params, z, out=out)[0] if on != TRUE else 0.0
    solved = 0
    for step in range(thin * len(kept)):
        if step % thin == 0:
            kept[step // thin] = z
        for i in range(8):
            new[i] = z[i] + SPREAD * random.standard_normal()
        normal = half_square(z) - half_square(new)
        if on != TRUE:
            new_guess = fnn.forward(params, new, out=out)[0]
            if math.log(1 - random.random()) >= new_guess - guess + normal:
                continue
        if on != NETWORK:
            solved += 1
            new_true = departure(centre, root, new)
            passed = new_guess - guess + normal if on == BOTH else 0.0
            if math.log(1 - random.random()) >= new_true - true + normal - passed:
                continue
        z, new, true, guess = new, z, new_true, new_guess
    return kept, solved


class Moments(NamedTuple):
    """Mean and standard deviation of each parameter, and the Monte Carlo errors of both."""

    mean: Reals
    sd: Reals
    mean_error: Reals
    sd_error: Reals


def moments(theta: Reals) -> Moments:
    """Errors are those of the means of 40 batches, each much longer than the chain's memory."""
    mean, sd = theta.mean(axis=0), theta.std(axis=0)
    batches = theta[len(theta) % 40 :].reshape(40, -1, 8)
    errors = [np.std(part.mean(axis=1), axis=0, ddof=1) / math.sqrt(40) for part in (batches, (batches - mean) ** 2)]

    return Moments(mean, sd, errors[0], errors[1] / (2 * sd))


def adapted(random: np.random.Generator, steps: int) -> tuple[Reals, Reals, Reals]:
    """Centre and root of the covariance of the true posterior, from chains that each use those of the last."""
    centre: Reals = np.log(START)
    root: Reals = 0.05 * np.eye(8)
    for _ in range(6):
        z, _ = walk(TRUE, network(), centre, root, random, steps, 1)
        logs = centre + z[steps // 5 :] @ root.T
        centre, root = logs.mean(axis=0), np.linalg.cholesky(np.cov(logs.T)).astype(np.float64)
    visited, _ = walk(TRUE, network(), centre, root, random, 10 * steps, 5)

    return centre, root, visited


def network() -> Network:
    return fnn.init((8, 32, 32, 1), seed=0, hidden=fnn.tanh, output=fnn.identity)


def print_moments(true: Moments, others: Sequence[Moments]) -> None:
    """The true posterior, and what the others are off by, in its standard deviations."""
    print("\n                      true posterior         network alone            both")
    print("                      mean        sd        mean        sd        mean        sd")
    for i, name in enumerate(NAMES):
        off = [f"{(m.mean[i] - true.mean[i]) / true.sd[i]:+10.3f}{(m.sd[i] / true.sd[i] - 1):+10.3f}" for m in others]
        print(f"{name:16} {true.mean[i]:9.4f} {true.sd[i]:9.4f}  {'  '.join(off)}")
    print("(the other two: how far off, in standard deviations of the true posterior)")


def print_agreement(name: str, true: Moments, other: Moments) -> None:
    """How far off the moments are, measured in Monte Carlo errors of the difference."""
    means = (other.mean - true.mean) / np.hypot(other.mean_error, true.mean_error)
    sds = (other.sd - true.sd) / np.hypot(other.sd_error, true.sd_error)
    worst = float(np.abs([means, sds]).max())
    verdict = "which may be chance" if worst < 3.5 else "which is not chance"
    print(f"{name}: the largest of 16 differences is {worst:.1f} Monte Carlo errors, {verdict}")


def sampled(params: Network, centre: Reals, root: Reals, random: np.random.Generator, steps: int) -> dict[str, Reals]:
    """Parameters from the posterior by the three chains; how long each takes is printed."""
    found, spans = {}, []
    print(f"\n{steps:,} steps on         seconds   µs a step   solutions   times as fast")
    for on, name in ((TRUE, "the equations"), (NETWORK, "the network alone"), (BOTH, "both")):
        began = time.perf_counter()
        z, solved = walk(on, params, centre, root, random, steps, 10)
        spans.append(time.perf_counter() - began)
        print(f"{name:23} {spans[-1]:10.3f} {spans[-1] / steps * 1e6:11.3f} {solved:11,} {spans[0] / spans[-1]:15.1f}")
        found[name] = np.exp(centre + z @ root.T)

    return found


def save_picture(path: Path, found: Mapping[str, Reals]) -> None:
    """How often the chains were where, for each parameter."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    for i, axes in enumerate(figure.subplots(2, 4).flat):
        axes.hist([theta[:, i] for theta in found.values()], 40, density=True, histtype="step", label=[*found])
        axes.set_title(NAMES[i], loc="left")
        axes.set_yticks([])
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, reverse=True)
    figure.savefig(path, dpi=150)


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Let a network stand in for a differential equation in a chain.")
    parser.add_argument("--steps", type=int, default=400_000, help="of each chain (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="chains of 80,000 steps")
    parser.add_argument("--out", type=Path, help="file for a picture, by matplotlib (default: none)")

    return parser, parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    steps = 80_000 if args.quick else args.steps
    if steps < 4_000:
        parser.error(f"--steps: must be at least 4000, got {steps}")
    if args.seed < 0:
        parser.error(f"--seed: must be at least 0, got {args.seed}")
    random = np.random.default_rng(args.seed)
    began = time.perf_counter()
    walk(BOTH, network(), np.log(START), np.eye(8), random, 1, 1)
    learn(network(), np.log(START), np.eye(8), np.zeros((1, 8)), random)
    print(f"compiled, or loaded from Numba's cache, in {time.perf_counter() - began:.1f} s")

    began = time.perf_counter()
    centre, root, visited = adapted(random, 5_000)
    middle = time.perf_counter()
    params, error = learn(network(), centre, root, visited, random)
    print(f"found the posterior with 80,000 solutions in {middle - began:.2f} s")
    print(f"learned its logarithm from {2 * len(visited):,} more in {time.perf_counter() - middle:.2f} s, ", end="")
    print(f"to within {error:.2f} (root mean square)")

    found = sampled(params, centre, root, random, steps)
    true, *others = map(moments, found.values())
    print_moments(true, others)
    print_agreement("network alone", true, others[0])
    print_agreement("both", true, others[1])
    if args.out is not None:
        try:
            save_picture(args.out, found)
        except (ImportError, OSError, ValueError) as error:
            parser.error(str(error))


if __name__ == "__main__":
    main()
