"""What was built is looked through for what a browser would ask a host for; a link that a reader may follow is none."""

import re
from html.parser import HTMLParser
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FETCHED = {"src", "srcset", "data", "poster", "href", "xlink:href"}
FOLLOWED = {"canonical", "next", "prev", "search", "index"}  # what a <link> may be
HOST = re.compile(r"(?:https?:)?//", re.IGNORECASE)
STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?(?:https?:)?//[^\"')]*", re.IGNORECASE)


class Requests(HTMLParser):
    """Those of a page, a picture or a style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = STYLE.findall(text)
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note each attribute with an address that a browser follows by itself."""
        if tag != "a" and not (tag == "link" and dict(attrs).get("rel") in FOLLOWED):
            self.found += [value for name, value in attrs if name in FETCHED and value and HOST.match(value)]


def check(app: Sphinx, exception: Exception | None) -> None:
    paths = [] if exception else Path(app.outdir).rglob("*")
    for path in paths:
        if path.suffix in {".html", ".css", ".svg"} and (found := Requests(path.read_text(encoding="utf-8")).found):
            raise ExtensionError(f"{path}: asks a host for {found[0]}")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
