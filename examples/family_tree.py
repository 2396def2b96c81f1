"""Family trees, and what matters about a person
=============================================

A network learns who is whose relative, and finds out by itself what matters about a person.

The second experiment of Rumelhart, Hinton and Williams (1986, "Learning representations by back-propagating errors").
Two families have the same tree, an English and an Italian one. The inputs are a person (24 units) and a relationship
(12 units), the outputs all persons who stand in it. Six units see the person alone, six the relationship alone: the
connections between the others are removed. Then come 12 units, 6 and the 24 outputs. A network learns 100 of the 104
questions and is then asked the other four; each seed chooses other four, and other first weights.

The settings are the paper's, biases decaying as all weights do. With first weights within ±0.3 no network gets anywhere
with them: they start on a plateau where all answers are alike, and decay keeps them there. (Without it most leave the
plateau, but in thousands of sweeps.) So the same is tried again with a larger ε and larger first weights, and the
network that learnt most with them is drawn: the weights from the persons to the six units, red above 0 and blue below
(white and black in the paper); an Italian stands below the English person in the same place of the tree. Run it as::

    python examples/family_tree.py
    python examples/family_tree.py --seeds 3 --out /tmp
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

import fnn

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise SystemExit(f"This example needs matplotlib ({error}): pip install 'fnn[examples]'") from None

# Men, then women; the same places in both trees.
ENGLISH = (
    "Christopher", "Andrew", "Arthur", "James", "Charles", "Colin",
    "Penelope", "Christine", "Victoria", "Jennifer", "Margaret", "Charlotte",
)  # fmt: skip
ITALIAN = (
    "Roberto", "Pierro", "Emilio", "Marco", "Tomaso", "Alfonso",
    "Maria", "Francesca", "Lucia", "Angela", "Gina", "Sophia",
)  # fmt: skip
PERSONS = ENGLISH + ITALIAN
COUPLES = {  # and their children
    ("Christopher", "Penelope"): ("Arthur", "Victoria"),
    ("Andrew", "Christine"): ("James", "Jennifer"),
    ("James", "Victoria"): ("Colin", "Charlotte"),
    ("Arthur", "Margaret"): (),
    ("Charles", "Jennifer"): (),
}
RELATIONSHIPS = (
    "father", "mother", "husband", "wife", "son", "daughter",
    "uncle", "aunt", "brother", "sister", "nephew", "niece",
)  # fmt: skip

SIZES = (36, 12, 12, 6, 24)
MASK = {"W1": fnn.connections(36, 12, (range(24), range(6)), (range(24, 36), range(6, 12)))}
HELD_OUT = 4


class Questions(NamedTuple):
    """A person and a relationship (N, 36), and who stands in it (N, 24)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


class Settings(NamedTuple):
    """How networks learn: how many times the paper's ε, and how large the first weights may be."""

    name: str
    factor: float
    largest: float


PAPER = Settings("rates and decay of the paper, first weights within ±0.3", 1, 0.3)
# Of five factors up to 20 and six ranges up to ±3, those with most right answers to the learnt questions.
LARGER = Settings("ten times its ε, first weights within ±1.5", 10, 1.5)


class Trained(NamedTuple):
    """A network, the questions that it learnt and those held out."""

    params: fnn.Params[np.float64]
    learnt: Questions
    held_out: Questions


@njit
def liberal(a: float, y: float) -> float:
    """E1, but 0 if the output is right."""
    return 0.0 if abs(a - y) < 0.2 else (a - y) ** 2 / 2


@njit
def liberal_prime(a: float, y: float) -> float:
    """E2, but 0 if the output is right."""
    return 0.0 if abs(a - y) < 0.2 else a - y


LIBERAL = fnn.Loss("liberal", liberal, liberal_prime)


def parents(person: str) -> set[str]:
    return {parent for couple, born in COUPLES.items() if person in born for parent in couple}


def children(person: str) -> set[str]:
    return {child for couple, born in COUPLES.items() if person in couple for child in born}


def spouses(persons: set[str]) -> set[str]:
    return {spouse for couple in COUPLES for spouse in couple if persons & {*couple} - {spouse}}


def siblings(persons: set[str]) -> set[str]:
    return {sibling for p in persons for parent in parents(p) for sibling in children(parent) - {p}}


def relatives(person: str) -> dict[str, set[str]]:
    """Who stands in which relationship to an English person; uncles, aunts, nephews and nieces also by marriage."""
    brothers_of_parents = siblings(parents(person))
    brothers = siblings({person}) | siblings(spouses({person}))
    both = (
        parents(person),
        spouses({person}),
        children(person),
        brothers_of_parents | spouses(brothers_of_parents),
        siblings({person}),
        {child for brother in brothers for child in children(brother)},
    )
    men, women = set(ENGLISH[:6]), set(ENGLISH[6:])

    return dict(zip(RELATIONSHIPS, (who & sex for who in both for sex in (men, women)), strict=True))


def answers() -> dict[tuple[str, str], set[str]]:
    """Of both families: all persons who stand in that relationship to that person, if there are any."""
    found = {(person, r): who for person in ENGLISH for r, who in relatives(person).items() if who}
    italian = dict(zip(ENGLISH, ITALIAN, strict=True))

    return found | {(italian[person], r): {italian[p] for p in who} for (person, r), who in found.items()}


def questions() -> Questions:
    """All 104."""
    known = answers()
    x = [[*(p == person for p in PERSONS), *(r == kind for r in RELATIONSHIPS)] for person, kind in known]
    y = [[p in who for p in PERSONS] for who in known.values()]

    return Questions(np.array(x, np.float64), np.array(y, np.float64))


def learn(settings: Settings, seed: int, sweeps: int) -> Trained:
    """Train a network on 100 questions; a step is a sweep through all of them."""
    x, y = questions()
    order = np.random.default_rng(seed).permutation(len(x))
    held_out, learnt = (Questions(x[part], y[part]) for part in (order[:HELD_OUT], order[HELD_OUT:]))
    params = fnn.init(SIZES, seed=seed, initializer=fnn.uniform(-settings.largest, settings.largest))
    optimizer = fnn.momentum(
        lambda sweep: settings.factor * (0.005 if sweep < 20 else 0.01),
        alpha=lambda sweep: 0.5 if sweep < 20 else 0.9,
        shrink=0.002,
        decay_biases=True,
    )
    changes = fnn.Regularization(mask=MASK)
    run = fnn.train(params, *learnt, optimizer=optimizer, epochs=sweeps, loss=LIBERAL, regularization=changes)

    return Trained(run.params, learnt, held_out)


def right(params: fnn.Params[np.float64], asked: Questions, within: float = 0.2) -> int:
    """To how many questions all outputs are right: above 0.8 for 1, below 0.2 for 0; or within another distance."""
    return int((np.abs(fnn.forward(params, asked.x) - asked.y) < within).all(axis=1).sum())


def report(settings: Settings, networks: Sequence[Trained]) -> None:
    """How many answers are right, summed over the networks."""
    print(f"{settings.name}:")
    for part in ("learnt", "held_out"):
        asked: list[Questions] = [getattr(net, part) for net in networks]
        strict, loose = (
            sum(right(net.params, those, within) for net, those in zip(networks, asked, strict=True))
            for within in (0.2, 0.5)
        )
        total = sum(len(those.x) for those in asked)
        print(f"  {part.replace('_', ' '):8}  {strict:4} of {total:4} right; at 0.5 instead of 0.8 and 0.2: {loose}")


def save_picture(path: Path, params: fnn.Params[np.float64]) -> None:
    """An image for each of the six units that see the person: English persons above, Italian ones below."""
    seen = {"W1": params["W1"][:24, :6], "b1": params["b1"][:6]}
    figure = Figure(figsize=(12, 6), layout="compressed")
    axes = fnn.plots.weights(
        fnn.Params(seen, hidden=(), output=fnn.sigmoid), shape=(2, 12), columns=2, ax=figure.subplots()
    )
    axes.set_title("weights from the persons to the six units, 1 and 2 in the first row", loc="left")
    persons = [" / ".join(both) for both in zip(ENGLISH, ITALIAN, strict=True)]
    axes.set_xticks([*range(12), *range(13, 25)], persons * 2, rotation=90)
    figure.savefig(path, dpi=150)


def arguments(argv: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description="Train the family-tree networks of Rumelhart, Hinton and Williams.")
    parser.add_argument("--seeds", type=int, default=20, help="networks (default: %(default)s)")
    parser.add_argument("--sweeps", type=int, default=1500, help="steps, all questions each (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("family_tree.png"), help="file or folder (default: %(default)s)"
    )

    return parser, parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    parser, args = arguments(argv)
    if args.seeds < 1:
        parser.error(f"--seeds: must be at least 1, got {args.seeds}")
    out = args.out / "family_tree.png" if args.out.is_dir() else args.out
    print(f"{args.seeds} networks, {args.sweeps} sweeps each")
    try:
        for settings in (PAPER, LARGER):
            networks = [learn(settings, seed, args.sweeps) for seed in range(args.seeds)]
            report(settings, networks)
        best = max(range(args.seeds), key=lambda seed: right(networks[seed].params, networks[seed].learnt, 0.5))
        save_picture(out, networks[best].params)
    except (OSError, ValueError, fnn.TrainingDiverged) as error:
        parser.error(str(error))
    print(f"picture, of seed {best}: {out}")


if __name__ == "__main__":
    main()
