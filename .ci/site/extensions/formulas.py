"""Formulas as outlines within the page, by matplotlib: alike in every browser, whatever fonts it has."""

from html import escape

from docutils.nodes import Element, SkipNode
from matplotlib import rc_context
from matplotlib.textpath import TextPath
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

UNITS = 1000  # an em
LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}  # of matplotlib's codes, in SVG


def svg(latex: str) -> str:
    """The formula in the size and colour of the text around it, and on its baseline."""
    with rc_context({"mathtext.fontset": "stix"}):
        path = TextPath((0, 0), f"${latex}$", size=UNITS)
    outline = "".join(
        LETTERS[code] + ("" if code == 79 else " ".join(f"{number:.0f}" for number in ends))
        for ends, code in path.iter_segments(curves=True, simplify=False)
    )
    box = path.get_extents()
    em = {"width": box.width / UNITS, "height": box.height / UNITS, "vertical-align": box.y0 / UNITS}
    style = "; ".join(f"{name}: {value:.3f}em" for name, value in em.items())
    return (
        f'<svg role="img" aria-label="{escape(latex)}" style="{style}" fill="currentColor" '
        f'viewBox="{box.x0:.0f} {-box.y1:.0f} {box.width:.0f} {box.height:.0f}">'
        f'<path transform="scale(1 -1)" d="{outline}"/></svg>'
    )


def inline(self: HTML5Translator, node: Element) -> None:
    self.body.append(svg(node.astext()))
    raise SkipNode


def displayed(self: HTML5Translator, node: Element) -> None:
    self.body.append(f'<div class="formula">{svg(node.astext().strip())}</div>')
    raise SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("outlines", (inline, None), (displayed, None))
    app.config.html_math_renderer = "outlines"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
