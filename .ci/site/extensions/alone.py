"""What was built is looked through for what a browser would ask a host for; a link that a reader may follow is none."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

REQUESTS = re.compile(
    r"""<(?:script|img|iframe|source|video|embed|object)\b[^>]*?\b(?:src|srcset|data)\s*=\s*["']?(?:https?:)?//[^>]*"""
    r"""|<link\b(?![^>]*rel=["']?(?:canonical|next|prev|search|index))[^>]*?\bhref\s*=\s*["']?(?:https?:)?//[^>]*"""
    r"""|url\(\s*["']?(?:https?:)?//[^)]*|@import\s+["'](?:https?:)?//[^"']*"""
)


def requests(text: str) -> list[str]:
    """Those parts of a page or a style sheet that a browser would follow by itself to a host."""
    return [found.group() for found in REQUESTS.finditer(text)]


def check(app: Sphinx, exception: Exception | None) -> None:
    for path in [] if exception else [*Path(app.outdir).rglob("*.html"), *Path(app.outdir).rglob("*.css")]:
        if found := requests(path.read_text(encoding="utf-8")):
            raise ExtensionError(f"{path}: asks a host for {found[0]}")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
