"""What the control groups of this process allow (versions 1 and 2; Linux)."""

from __future__ import annotations

import contextlib
import math
import os
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

OWN: Final = Path("/proc/self/cgroup")
ROOT: Final = Path("/sys/fs/cgroup")


def groups_of(controller: str, own: Path = OWN, root: Path = ROOT) -> list[Path]:
    """The folders of the groups that a controller may limit; none if this isn't Linux, or nothing is mounted there.

    A line of `own` gives a hierarchy's controllers, none in version 2, and the group, whose ancestors have limits, too.
    """
    groups = []
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                levels = [PurePosixPath(group), *PurePosixPath(group).parents]
                groups += [root / controllers / str(level).lstrip("/") for level in levels]

    return groups


@cache
def memory_limit(own: Path = OWN, root: Path = ROOT) -> float:
    """The bytes of memory that this process may use: the machine's, or fewer; infinity if that isn't known."""
    limits = [math.inf]
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not POSIX
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for group in groups_of("memory", own, root):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
                limits.append(int((group / name).read_text(encoding="utf-8")))

    return min(limits)
