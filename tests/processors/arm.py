"""The bits of fnn on Arm, and its core's tests there, on an emulated processor.

On Debian, with qemu and the packages of arm64 within reach::

    dpkg --add-architecture arm64 && apt-get update && apt-get install qemu-user-static
    python -m tests.processors.arm FOLDER
    python -m tests.processors.arm FOLDER tests/numerics tests/activations

The first line of Python puts Debian's Python for arm64 and the wheels of Numba, NumPy and pytest in FOLDER, of the
versions that are installed here, and compares the digests of `bits` with those of this processor: some five minutes.
The second one runs these tests there, which takes some 20 times as long as here.
"""

import argparse
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

QEMU = "qemu-aarch64-static"
PYTHON = "python3.11"  # of Debian 12
PACKAGES = (
    *(f"{prefix}{PYTHON}-{part}" for prefix, part in (("", "minimal"), ("lib", "minimal"), ("lib", "stdlib"))),
    "libc6", "libgcc-s1", "libstdc++6", "libbz2-1.0", "libcrypt1", "libexpat1", "libffi8", "liblzma5", "libsqlite3-0",
    "libssl3", "libuuid1", "zlib1g",
)  # fmt: skip
WHEELS = ("hypothesis", "iniconfig", "llvmlite", "numba", "numpy", "packaging", "pluggy", "pygments", "pytest")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64", "any")
BITS = ("-m", "tests.processors.bits")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command, or end with its error."""
    subprocess.run(command, check=True, cwd=cwd)


def install(folder: Path) -> None:
    """Python and what fnn needs, for arm64; once."""
    if (folder / "site").is_dir():
        return
    packages, wheels = folder / "packages", folder / "wheels"
    packages.mkdir(parents=True, exist_ok=True)
    run("apt-get", "download", "-qq", *(f"{name}:arm64" for name in PACKAGES), cwd=packages)
    for package in packages.glob("*.deb"):
        run("dpkg", "-x", package, folder / "root")
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    pinned = [f"{name}=={version(name)}" for name in WHEELS] + ["sortedcontainers"]
    of = ["--python-version=3.11", "--implementation=cp", "--only-binary=:all:", "--no-deps", *platforms]
    run(sys.executable, "-m", "pip", "download", "-q", "-d", wheels, *of, *pinned)
    for wheel in wheels.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder / "site")


def emulated(folder: Path, *arguments: str) -> str:
    """What Python prints on the emulated processor."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([os.getcwd(), str(folder / "site")]),
        "NUMBA_CACHE_DIR": str(folder / "cache"),
    }
    command = [QEMU, "-L", str(folder / "root"), str(folder / "root/usr/bin" / PYTHON), *arguments]
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the bits, or run tests."""
    parser = argparse.ArgumentParser(description="Compare fnn's bits with those on Arm, or run tests there.")
    parser.add_argument("folder", type=Path, help="for Python, NumPy and Numba, half a gigabyte")
    parser.add_argument("tests", nargs="*", help="files or folders of tests (default: the bits are compared)")
    args = parser.parse_args(argv)
    missing = [name for name in (QEMU, "apt-get", "dpkg") if shutil.which(name) is None]
    if missing:
        parser.error(f"needs {', '.join(missing)}: see the docstring")
    folder = args.folder.resolve()
    install(folder)
    if args.tests:
        print(emulated(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *args.tests))
        return
    here = subprocess.run([sys.executable, *BITS], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    there = emulated(folder, *BITS).splitlines()
    others = [line for line in here if line not in there]
    print("\n".join(f"differs on Arm: {line}" for line in others) or f"all {len(here)} digests are equal")
    if others or len(there) != len(here):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
