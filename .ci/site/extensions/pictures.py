"""How the gallery runs the examples: with what arguments, and which pictures they leave."""

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sphinx_gallery.scrapers import figure_rst

OUT = Path(mkdtemp(prefix="fnn-gallery-"))
ARGUMENTS: dict[str, list[str]] = {}  # of examples that would take too long, or want more than nothing


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    path = Path(script_vars["src_file"])
    told = ARGUMENTS.get(path.stem, [])
    return [*told, "--out", str(OUT)] if '"--out"' in path.read_text(encoding="utf-8") else told


def scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """What the example saved in its folder becomes its pictures."""
    paths = block_vars["image_path_iterator"]
    kept = [shutil.move(made, next(paths)) for made in sorted(OUT.glob("*.png"))]
    return figure_rst(kept, gallery_conf["src_dir"])
