"""Sections of the README as files in `generated`, for pages to include, with links to pages of the site."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

import fnn

README = Path(__file__).resolve().parents[3] / "README.md"


def sections(text: str) -> dict[str, str]:
    """The text under each heading; that at the top under ""."""
    top, *parts = re.split(r"^## (.+)\n", text.split("\n", 1)[1], flags=re.MULTILINE)
    return {"": top, **dict(zip(parts[::2], parts[1::2], strict=True))}


def linked(text: str) -> str:
    """Links to examples lead to the gallery, names to their pages; links to other files become what they say."""
    names = "|".join(name for name in dir(fnn) if name[0] != "_")
    text = re.sub(r"(?<!\[)`(\w+)\.py`", r"[`\1.py`](/gallery/\1.rst)", text)
    text = re.sub(r"\]\(examples/(\w+)\.py\)", r"](/gallery/\1.rst)", text)
    text = text.replace("](examples)", "](/gallery/index.rst)").replace("\n\n```\n", "\n```\n")
    text = re.sub(rf"(?<!`)`({names})`", r"{py:obj}`\1 <fnn.\1>`", text)
    return re.sub(r"\[([^]]+)\]\(fnn/[^)]+\)", r"\1", text)


def write(app: Sphinx, config: Config) -> None:
    folder = Path(app.srcdir, "generated")
    folder.mkdir(exist_ok=True)
    for title, text in sections(README.read_text(encoding="utf-8")).items():
        name = re.sub(r"\W+", "_", title.lower()) or "top"
        (folder / f"{name}.md").write_text(linked(text), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
