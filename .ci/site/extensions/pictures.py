"""How the gallery runs the examples, and what of them its pages show.

They are run in the process of the build, one at a time, so that the times which they print are their own, and as copies
in `generated/examples`, where all that they write lies until the build ends: nothing is written beside the examples. A
page has the picture that its example saved as ``NAME.png``, the command, what was printed, and the code. An example
that fails ends the build. `mnist.py` is run if ``FNN_MNIST`` names a folder with MNIST's files; without it,
`many_machines.py` makes its images from a seed.
"""

import os
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from sphinx.application import Sphinx
from sphinx_gallery.scrapers import figure_rst

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
COPIES = Path(__file__).resolve().parents[1] / "generated" / "examples"
THUMBNAIL = str(COPIES.parent / "activations.svg")  # of an example that wasn't run
ORDER = (
    "figure1", "xor", "digits", "regression", "classification", "curve", "sweep", "deploy", "mnist", "symmetry",
    "family_tree", "surrogate", "cartpole", "many_machines",
)  # fmt: skip
ARGUMENTS = {
    name: ["--out", f"{name}.png"] for name in ("cartpole", "figure1", "many_machines", "mnist", "surrogate", "xor")
}
MNIST = bool(os.environ.get("FNN_MNIST"))
RUN = r"\.py$" if MNIST else r"(?<!/mnist)\.py$"  # which examples
NOT_RUN = ".. note::\n\n    It wasn't run for this page: ``FNN_MNIST`` named no folder with MNIST's files.\n\n"
OUTPUT = "sphx-glr-script-out\n\n .. code-block:: none\n\n"


def order(name: str) -> int:
    """Where an example stands; ValueError if `ORDER` lacks it."""
    return ORDER.index(Path(name).stem)


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """What an example is run with."""
    return ARGUMENTS.get(Path(script_vars["src_file"]).stem, [])


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The picture that an example saved, if it did."""
    made = Path(block_vars["src_file"]).with_suffix(".png")
    if not made.exists():
        return ""
    kept = next(block_vars["image_path_iterator"])
    shutil.move(made, kept)
    return figure_rst([kept], gallery_conf["src_dir"], f"The picture that {made.stem}.py saves")


def tell(app: Sphinx, page: str, source: list[str]) -> None:
    """Say with what command an example was run, or why it wasn't."""
    folder, _, name = page.partition("/")
    if folder == "gallery" and name in ORDER:
        command = " ".join(["$ python", f"examples/{name}.py", *ARGUMENTS.get(name, [])])
        source[0] = source[0].replace(OUTPUT, f"{OUTPUT}    {command}\n", 1)
        if name == "mnist" and not MNIST:
            source[0] = source[0].replace(".. GENERATED FROM", f"{NOT_RUN}.. GENERATED FROM", 1)


def refuse(parser: ArgumentParser, message: str) -> NoReturn:
    """In place of `ArgumentParser.error`, whose SystemExit would end the build without a word."""
    raise ValueError(f"{parser.prog}: {message}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Copy the examples, before the gallery looks for them."""
    shutil.rmtree(COPIES, ignore_errors=True)
    COPIES.mkdir(parents=True)
    for path in (*EXAMPLES.glob("*.py"), EXAMPLES / "GALLERY_HEADER.rst"):
        shutil.copy2(path, COPIES)
    ArgumentParser.error = refuse
    app.connect("source-read", tell)
    app.connect("build-finished", lambda app, error: shutil.rmtree(COPIES), priority=900)  # after the gallery
    return {"parallel_read_safe": True, "parallel_write_safe": True}
