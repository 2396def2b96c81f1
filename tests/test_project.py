"""What is said of the project in several files is the same in all of them."""

import re
import tomllib
from pathlib import Path

import fnn

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def cited(key: str) -> list[str]:
    """The value of a key of the citation, or its items: at the top, not in the references."""
    match = re.search(rf"^{key}:(?: (.+)\n|\n((?:  - .+\n)+))", CITATION, re.MULTILINE)
    assert match is not None, key

    return [match[1]] if match[1] else [line.removeprefix("  - ") for line in match[2].splitlines()]


def test_the_version_stands_in_one_place() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", fnn.__version__)
    assert "version" not in PROJECT
    assert re.search(r"^version:", CITATION, re.MULTILINE) is None


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(
        r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )

    assert headings[0][0] == fnn.__version__
    assert "unreleased" not in [when for _, when in headings[1:]]


def test_the_citation_says_what_the_project_says() -> None:
    assert cited("license") == [PROJECT["license"]]
    assert cited("authors") == [f"name: {author['name']}" for author in PROJECT["authors"]]
    assert cited("keywords") == PROJECT["keywords"]
    assert cited("title")[0].startswith(f'"{PROJECT["name"]}: ')
