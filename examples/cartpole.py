"""Cart-pole by an evolution strategy
==================================

A policy network learns to balance a pole, all of it compiled as one function.

The cart is pushed left or right, 50 times a second, so that the pole on it doesn't fall (Barto, Sutton and Anderson
1983; the constants are those of Gym's CartPole-v1). An episode ends when the pole leans more than 12°, when the cart
leaves its track, or after 500 steps; its return is the number of steps. Solved means a mean return of 475, which all
of the seeds from 0 to 199 lead to.

`evolve` is the whole algorithm (Salimans and others 2017): in each generation pairs of networks on opposite sides of
the present one play an episode each, several at a time, and the present one moves towards the better sides. The physics
and the network are part of the same compiled code. All that is random is a hash of numbers that say what it is for, so
the result doesn't depend on the number of threads. With the network in NumPy it takes 40 times as long. Run it as::

    python examples/cartpole.py
    python examples/cartpole.py --seeds 20 --out returns.png   # with a picture, by matplotlib
"""

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

import fnn

Network: TypeAlias = fnn.Params[np.float64]
State: TypeAlias = NDArray[np.float64]
Returns: TypeAlias = NDArray[np.int64]

GRAVITY, FORCE, SECONDS = 9.8, 10.0, 0.02
POLE, HALF_LENGTH, TOTAL = 0.1, 0.5, 1.1  # kg, m, kg with the cart
EDGE, LEAN = 2.4, math.radians(12)
STEPS = 500
SOLVED = 475.0
SIGMA, ETA = 0.3, 0.5  # how far the two of a pair are from the present network, and how far that moves

NOISE, LEARN, TEST = range(3)  # what random numbers are for


@njit(cache=True)
def uniform(seed: int, purpose: int, i: int, j: int) -> float:
    """A number in [0, 1): a hash, by the mixing steps of SplitMix64."""
    z = np.uint64(seed)
    for part in (np.uint64(purpose), np.uint64(i), np.uint64(j)):
        z += np.uint64(0x9E3779B97F4A7C15) * (part + np.uint64(1))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 2.0**-53


@njit(cache=True)
def normal(seed: int, purpose: int, i: int, j: int) -> float:
    """A standard normal number (Box and Muller)."""
    radius = math.sqrt(-2 * math.log(1 - uniform(seed, purpose, i, 2 * j)))
    return radius * math.cos(2 * math.pi * uniform(seed, purpose, i, 2 * j + 1))


@njit(cache=True)
def push(state: State, force: float) -> None:
    """Move x, ẋ, θ and θ̇ on by one step, by Euler's method as in Gym."""
    x, dx, theta, dtheta = state
    sin, cos = math.sin(theta), math.cos(theta)
    pull = (force + POLE * HALF_LENGTH * dtheta**2 * sin) / TOTAL
    ddtheta = (GRAVITY * sin - cos * pull) / (HALF_LENGTH * (4 / 3 - POLE * cos**2 / TOTAL))
    ddx = pull - POLE * HALF_LENGTH * ddtheta * cos / TOTAL
    state[:] = x + SECONDS * dx, dx + SECONDS * ddx, theta + SECONDS * dtheta, dtheta + SECONDS * ddtheta


@njit(cache=True)
def play(params: Network, seed: int, purpose: int, episode: int) -> int:
    """The return of an episode: push to the side whose output is larger."""
    state, out = np.empty(4), np.empty(2)
    for k in range(4):
        state[k] = 0.1 * uniform(seed, purpose, episode, k) - 0.05
    for step in range(STEPS):
        fnn.forward(params, state, out=out)
        push(state, FORCE if out[1] > out[0] else -FORCE)
        if abs(state[0]) > EDGE or abs(state[2]) > LEAN:
            return step + 1
    return STEPS


@njit(cache=True)
def play_both(params: Network, seed: int, member: int, noise: State, returns: Returns) -> None:
    """The returns of the two networks at ± SIGMA times fresh noise, from the same start."""
    flat = np.empty(noise.size)
    for j in range(noise.size):
        noise[j] = normal(seed, NOISE, member, j)
    for side in range(2):
        for j in range(noise.size):
            flat[j] = params.flat[j] + (1 - 2 * side) * SIGMA * noise[j]
        returns[side] = play(params.with_flat(flat), seed, LEARN, member)


@njit(cache=True)
def ascent(noise: NDArray[np.float64], returns: Returns) -> NDArray[np.float64]:
    """The way to better returns, downhill for `fnn.update`: noise, weighted by what its side lost, in deviations."""
    direction = np.zeros(noise.shape[1])
    for i in range(len(noise)):
        weight = (returns[i, 1] - returns[i, 0]) / (2 * len(noise) * max(returns.std(), 1.0))
        for j in range(direction.size):
            direction[j] += weight * noise[i, j]
    return direction


@njit(cache=True, parallel=True)
def evolve(params: Network, seed: int, generations: int, pairs: int) -> tuple[Network, Returns]:
    """Learn for a number of generations; with the returns of all episodes."""
    noise, returns = np.empty((pairs, params.flat.size)), np.empty((generations, pairs, 2), np.int64)
    for generation in range(generations):
        for i in prange(pairs):
            play_both(params, seed, generation * pairs + i, noise[i], returns[generation, i])
        params = fnn.update(params, params.with_flat(ascent(noise, returns[generation])), ETA)
    return params, returns


@njit(cache=True, parallel=True)
def evaluate(params: Network, seed: int, episodes: int) -> Returns:
    """The returns of a number of new episodes."""
    returns = np.empty(episodes, np.int64)
    for episode in prange(episodes):
        returns[episode] = play(params, seed, TEST, episode)
    return returns


def play_in_numpy(params: Network, seed: int, purpose: int, episode: int) -> int:
    """`play` with the network in NumPy, a call a step; the physics stays compiled."""
    W1, b1, W2, b2 = params.values()
    state = np.array([0.1 * uniform(seed, purpose, episode, k) - 0.05 for k in range(4)])
    for step in range(STEPS):
        out = np.tanh(state @ W1 + b1) @ W2 + b2
        push(state, FORCE if out[1] > out[0] else -FORCE)
        if abs(state[0]) > EDGE or abs(state[2]) > LEAN:
            return step + 1
    return STEPS


def evolve_in_numpy(params: Network, seed: int, generations: int, pairs: int) -> Returns:
    """The returns that `evolve` gets, by the same algorithm."""
    noise, returns = np.empty((pairs, params.flat.size)), np.empty((generations, pairs, 2), np.int64)
    for generation in range(generations):
        for i in range(pairs):
            member = generation * pairs + i
            noise[i] = [normal(seed, NOISE, member, j) for j in range(params.flat.size)]
            for side in range(2):
                moved = params.with_flat(params.flat + (1 - 2 * side) * SIGMA * noise[i])
                returns[generation, i, side] = play_in_numpy(moved, seed, LEARN, member)
        params = fnn.update(params, params.with_flat(ascent(noise, returns[generation])), ETA)

    return returns


def network(seed: int) -> Network:
    return fnn.init((4, 8, 2), seed=seed, hidden=fnn.tanh, output=fnn.identity)


def print_curve(returns: Returns) -> None:
    """The mean return of generations 1, 2, 5, 10, 15, .. as numbers and bars."""
    print("\ngeneration   mean return")
    for generation, mean in enumerate(returns.mean(axis=(1, 2)), start=1):
        if generation in (1, 2) or generation % 5 == 0:
            print(f"{generation:10}   {mean:11.1f}  {'#' * round(mean / 10)}")


def save_picture(path: Path, returns: Returns) -> None:
    """The returns of each generation, and their mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    generations = np.arange(1, len(returns) + 1)
    axes.plot(generations.repeat(returns[0].size), returns.ravel(), ".", color="0.6", markersize=3, label="an episode")
    axes.plot(generations, returns.mean(axis=(1, 2)), color="#0072b2", label="mean")
    axes.axhline(SOLVED, color="0.5", linestyle="--", linewidth=1, label="solved")
    axes.set(xlabel="generation", ylabel="return (steps)", ylim=0)
    axes.legend(framealpha=0.9, edgecolor="none", loc="lower right")
    figure.savefig(path, dpi=150)


def print_comparison(seed: int, generations: int, pairs: int) -> None:
    """How long the first generations take with fnn and with NumPy."""
    most = numba.get_num_threads()
    ways = [(f"fnn, {threads} thread{'s' * (threads > 1)}", threads) for threads in sorted({1, most})]
    spans, results = [], []
    for name, threads in [*ways, ("network in NumPy, loops in Python", 0)]:
        numba.set_num_threads(threads or most)
        attempts = []
        for _ in range(3):
            began = time.perf_counter()
            returns = (evolve(network(seed), seed, generations, pairs)[1] if threads
                       else evolve_in_numpy(network(seed), seed, generations, pairs))  # fmt: skip
            attempts.append(time.perf_counter() - began)
        spans.append((name, min(attempts)))
        results.append(returns)

    print(f"\nthe first {generations} generations once more, {results[0].sum():,} steps, the best of three:")
    for name, span in spans:
        print(f"  {name:35} {span:8.4f} s, {span / spans[0][1]:6.2f} times as long as one thread")
    print(f"{np.mean(results[-1] == results[0]):.1%} of the {results[0].size:,} returns in NumPy are the same")


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Evolve a network that balances a pole.")
    parser.add_argument("--generations", type=int, default=60, help="steps of the strategy (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=32, help="of networks a generation (default: %(default)s)")
    parser.add_argument("--compare", type=int, default=10, help="generations in NumPy, too (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from that on (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file for a picture of the first seed, by matplotlib (default: none)")

    return parser, parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    for name, least in (("generations", 1), ("pairs", 1), ("compare", 1), ("seed", 0), ("seeds", 1)):
        if getattr(args, name) < least:
            parser.error(f"--{name}: must be at least {least}, got {getattr(args, name)}")
    began = time.perf_counter()
    evolve(network(0), 0, 0, 1)
    evaluate(network(0), 0, 1)
    print(f"compiled, or loaded from Numba's cache, in {time.perf_counter() - began:.1f} s")

    solved = 0
    for seed in range(args.seed, args.seed + args.seeds):
        began = time.perf_counter()
        params, returns = evolve(network(seed), seed, args.generations, args.pairs)
        span = time.perf_counter() - began
        mean = evaluate(params, seed, 100).mean()
        solved += mean >= SOLVED
        if seed == args.seed:
            first = returns
            print_curve(first)
        steps = f"{returns.sum():,} steps in {span:.2f} s"
        print(f"\nseed {seed}: {steps}; mean return of 100 new episodes: {mean:.1f}")
    print(f"{'solved' if solved == args.seeds else 'not solved'}: {solved} of {args.seeds}")
    print_comparison(args.seed, args.compare, args.pairs)
    if args.out is not None:
        try:
            save_picture(args.out, first)
        except (ImportError, OSError, ValueError) as error:
            parser.error(str(error))


if __name__ == "__main__":
    main()
