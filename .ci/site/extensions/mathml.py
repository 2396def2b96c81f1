"""Formulas as MathML, which browsers show by themselves."""

from docutils.nodes import Element, SkipNode
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def visit_inline(self: HTML5Translator, node: Element) -> None:
    self.body.append(latex2mathml.tex2mathml(node.astext()))
    raise SkipNode


def visit_block(self: HTML5Translator, node: Element) -> None:
    self.body.append(f'<div class="math">{latex2mathml.tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
