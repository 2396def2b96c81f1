"""What shards cost one process, and what a second rank brings: ``python -m tests.benchmarks.ranks``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Final

from .. import machine
from ..measure import Sample, ratio
from ..tables import Table, markdown, verdict
from .launch import run
from .rounds import SHARE
from .training import Setting

SHARDS: Final = 16
# Setting, the most that shards may cost, and how much faster two ranks must be.
GOALS: Final = (
    (Setting((784, 512, 512, 10), 1024, SHARDS), 1.15, 1.6),
    (Setting((784, 128, 10), 512, SHARDS), 1.25, None),
)
OF_MESSAGES: Final = 1.5


def title(setting: Setting) -> str:
    """The network and the batch."""
    return f"{'-'.join(map(str, setting.sizes))}, batch {setting.batch}"


def processors(setting: Setting, found: Mapping[str, list[float]]) -> str:
    """How quiet the machine was."""
    return f"{title(setting)}: the measured processes had at least {min(found[SHARE]):.0%} of their processors"


def cost(rounds: int, budget: float) -> Table:
    """A step on shards by a step without, in one process with one thread."""
    table = Table("cost", f"{SHARDS} shards on one thread, ms a step", ["", "no shards", "shards", "ratio", "must be"])
    for setting, most, _ in GOALS:
        found = run(
            "alone", sizes=setting.sizes, batches=[setting.batch], shards=[None, SHARDS], rounds=rounds, budget=budget
        )  # fmt: skip
        without, shards = (Sample(found[0][str(count)]) for count in (None, SHARDS))
        part = ratio(shards, without)
        table.notes.append(processors(setting, found[0]))
        table.add(title(setting), 1e3 * without.median, 1e3 * shards.median, part, verdict(part, most))

    return table


def pair(rounds: int, budget: float) -> list[Table]:
    """Two ranks on two cores beside one on one core; and their exchanges."""
    steps = Table("ranks", f"{SHARDS} shards, ms a step", ["", "1 rank", "2 ranks", "times faster", "must be"])
    columns = ["", "exchange", "two Sendrecv", "ratio", "must be"]
    exchanges = Table("exchanges", "An exchange of two ranks and the messages that it needs, µs", columns)
    exchanges.notes.append("from the arrival of the last rank to the departure of all; two Sendrecv of half a row each")
    for setting, _, least in GOALS:
        sizes, batch, shards = setting
        found = run("together", ranks=2, sizes=sizes, batch=batch, shards=shards, rounds=rounds, budget=budget)
        samples = {name: Sample(values) for name, values in found.items()}
        gain = ratio(samples["alone"], samples["together"])
        times = [1e3 * samples[name].median for name in ("alone", "together")]
        steps.notes.append(processors(setting, found))
        steps.add(title(setting), *times, gain, verdict(gain, least, at_least=True))
        for where, names in {"in steps": ("in steps", "messages in steps"), "apart": ("sum", "messages")}.items():
            both = [samples[name] for name in names]
            part = ratio(*both)
            label = f"{title(setting)}, {setting.row / 1e6:.2f} MB, {where}"
            exchanges.add(label, *(1e6 * one.median for one in both), part, verdict(part, OF_MESSAGES))

    return [steps, exchanges]


def main() -> None:
    """Measure on this machine, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ranks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement (default: %(default)s)")
    arguments = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f}; medians of {arguments.rounds} interleaved rounds"
    print("\n".join([*machine.describe(), load]), end="\n\n", flush=True)
    print(markdown(cost(arguments.rounds, arguments.seconds)), flush=True)
    for table in pair(arguments.rounds, arguments.seconds):
        print(markdown(table), flush=True)


if __name__ == "__main__":
    main()
