"""What was measured, and on what."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("numpy", "numba", "llvmlite", "jax", "torch", "scikit-learn", "onnxruntime")


def cores() -> int:
    """How many CPUs this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))

    return os.cpu_count() or 1


def cpu() -> str:
    """The CPU's name, family and widest vectors."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    pairs = (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in pairs}
    flags = fields.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
    family = f"family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else ""

    return ", ".join(part for part in (fields.get("model name", platform.machine()), family, vectors) if part)


def describe() -> list[str]:
    """Lines about the machine and the versions."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")

    return [
        f"{cpu()}; {cores()} cores used",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        ", ".join(versions),
    ]
