"""Weak and strong scaling to 1,024 ranks, from steps and messages that are measured on this machine, and a model.

    python -m tests.benchmarks.ranks.simulation scaling.png

Measures one rank's steps on batches of several sizes, messages of two ranks, and both together; prints tables and draws
a picture, with the points that were measured on it. ``--measured FILE`` keeps the times, and uses them if it is there.
It says nothing of how many steps a larger batch needs to learn as much.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from .. import machine
from ..tables import Table, markdown
from .launch import run
from .model import Steps
from .picture import draw
from .rounds import SHARE
from .study import SHARED, Measured, Study

RANKS: Final = tuple(4**i for i in range(6))
PARTS: Final = (1, 4, 16, 64, 256, 1024, 4096)  # cases of one rank's batch
SPEEDS: Final = (1, 32)  # a rank as one core of this machine, and as so many


STUDIES: Final = Study((784, 128, 10), 512), Study((784, 512, 512, 10), 1024), Study((784, 2048, 2048, 10), 512)


def measure(rounds: int, budget: float) -> list[Any]:
    """Everything that is measured, in a form that JSON can hold."""
    return [measure_study(study, partial(run, rounds=rounds), budget) for study in STUDIES]


def measure_study(study: Study, measured: Callable[..., Any], budget: float) -> list[Any]:
    """A study, the cases and the times of one rank's steps, the time of two ranks' step, and those of messages."""
    parts = sorted({part for part in PARTS if part < study.batch} | {study.cases, study.batch})
    alone = measured("alone", sizes=study.sizes, batches=parts, shards=[1], budget=budget)
    pair = measured("together", ranks=2, sizes=study.sizes, batch=study.batch, shards=2, budget=budget)
    link = measured("link", ranks=2, sizes=[64, study.row // 2 // 4 * 4])
    shares = [min(min(one[SHARE]) for one in kind) for kind in (alone, [pair], link)]
    had = "{:.0%} alone, {:.0%} as two ranks, {:.0%} for messages".format(*shares)
    print(f"{study.title} is measured; the processes had their processors for at least {had}", flush=True)
    messages = [[median(one["down"] + one["up"]), median(one["sum"])] for one in link]

    return [study, [parts, [median(one["1"]) for one in alone]], median(pair["together"]), messages]


def read(found: list[Any]) -> list[Measured]:
    """What `measure` found."""
    return [
        Measured(Study(tuple(study[0]), study[1]), Steps(*steps), pair, messages)
        for study, steps, pair, messages in found
    ]


def scaling(measured: Sequence[Measured]) -> Table:
    """Efficiency and speed-up by the number of ranks; measured with two, and by the model."""
    table = Table("scaling", "By ranks", ["", "2, measured", *map(str, (2, *RANKS[1:]))])
    table.notes.append("the model knows of no memory or cache that ranks share, as those measured do")
    for one in measured:
        study = one.study
        for model in one.models():
            name = model.exchange.network.name
            is_here = name == SHARED
            parts = [100 * model.weak(ranks, study.cases) for ranks in (2, *RANKS[1:])]
            gains = [model.strong(ranks, study.batch) for ranks in (2, *RANKS[1:])]
            weak, strong = f"weak, {study.cases:,} cases a rank: %", f"strong, batch {study.batch:,}: times"
            table.add(f"{study.title}, {name}; {weak}", 100 * one.weak if is_here else None, *parts)
            table.add(f"{study.title}, {name}; {strong}", one.strong if is_here else None, *gains)

    return table


def paying(measured: Sequence[Measured]) -> Table:
    """From which batch on a second machine pays."""
    names = [model.exchange.network.name for model in measured[0].models()]
    columns = [f"{name}, {speed} core{'s' * (speed > 1)}" for speed in SPEEDS for name in names]
    table = Table("paying", "The smallest batch that two ranks finish no later than one", ["", *columns])
    table.notes.append(f"of {SPEEDS[-1]} cores: if a rank's machine is so many times as fast as a core of this one")
    for one in measured:
        table.add(one.study.title, *(model.pays_from() for speed in SPEEDS for model in one.models(speed)))

    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="PNG to write")
    parser.add_argument("--measured", type=Path, help="JSON of what was measured")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=0.2, help="of each measurement (default: %(default)s)")
    arguments = parser.parse_args(argv)
    print("\n".join(machine.describe()), end="\n\n", flush=True)
    if arguments.measured is not None and arguments.measured.exists():
        found = json.loads(arguments.measured.read_text())
    else:
        found = measure(arguments.rounds, arguments.seconds)
        if arguments.measured is not None:
            arguments.measured.write_text(json.dumps(found))
    measured = read(found)
    for table in (scaling(measured), paying(measured)):
        print(markdown(table))
    draw(measured, arguments.picture)
    print(f"picture: {arguments.picture}")


if __name__ == "__main__":
    main()
