"""Runs measurements in processes of their own, interleaved, and keeps what they print."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Settings that hold a library back (OpenBLAS's two halve the speed of matrix products) or choose its number of threads.
REMOVED = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS", "NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK", "NUMBA_OPT", "XLA_FLAGS", "NPROC",
    "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip

# "job" is "module:function", "environment" has variables of the process; the rest are the function's arguments.
Call = Mapping[str, Any]


class ChildError(Exception):
    """A measuring process failed; the text is the last line of what it wrote to stderr."""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a measuring process."""
    kept = {name: value for name, value in os.environ.items() if name not in REMOVED}

    return {**kept, **(extra or {})}


def python(arguments: Sequence[str], extra: Mapping[str, str] | None = None) -> str:
    """Run this interpreter from the top of the project; what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment(extra), capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ChildError(lines[-1] if lines else f"exit code {done.returncode}")

    return done.stdout


def child(call: Call) -> Any:
    """Run one job in a new process. It prints one line of JSON, the last line that counts."""
    arguments = {name: value for name, value in call.items() if name != "environment"}
    printed = python(["-m", f"{__package__}.child", json.dumps(arguments)], call.get("environment"))

    return json.loads(printed.strip().splitlines()[-1])


@dataclass
class Sample:
    """The values of one contender, one a round."""

    values: list[float] = field(default_factory=list)
    best: str = ""

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)


def ratio(a: Sample, b: Sample) -> float:
    """The median over the rounds of a's value by b's."""
    return statistics.median(p / q for p, q in zip(a.values, b.values, strict=False))


def compare(contenders: Mapping[str, Sequence[Call]], repeats: int, notes: list[str]) -> dict[str, Sample]:
    """Measure the contenders in turn, A B C A B C; of one with several ways, the way that wins a trial round."""
    chosen: dict[str, Call] = {}
    for name, ways in contenders.items():
        try:
            chosen[name] = min(ways, key=child) if len(ways) > 1 else ways[0]
        except ChildError as error:
            leave_out(name, error, notes)
    samples = {name: Sample(best=describe(call)) for name, call in chosen.items()}
    for _ in range(repeats):
        for name in list(samples):
            try:
                samples[name].values.append(float(child(chosen[name])))
            except ChildError as error:
                leave_out(name, error, notes)
                del samples[name]

    return samples


def leave_out(name: str, error: ChildError, notes: list[str]) -> None:
    """Say why, once."""
    note = f"{name} left out: {error}"
    if note not in notes:
        notes.append(note)


def describe(call: Call) -> str:
    """Threads and style of a call, for the notes."""
    parts = [f"{call['threads']} threads" if call.get("threads", 1) != 1 else "1 thread" if "threads" in call else ""]

    return ", ".join(part for part in (*parts, str(call.get("style", ""))) if part)


@dataclass(frozen=True)
class Settings:
    """What the person asked for."""

    repeats: int
    seconds: float
    quick: bool
    data: str
    cores: int

    def thread_choices(self) -> list[int]:
        """What a peer may choose from."""
        return sorted({1, self.cores})
