"""Figure-01, the network of `examples/figure1.py`: as pictures in `generated`, and as a page of the site."""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

import fnn
from examples.figure1 import LEAVES

X, Y = [1.0, 0.5, -1.0], [1.0, 0.0, 1.0, 0.0]


def write(app: Sphinx, config: Config) -> None:
    params = fnn.Params(LEAVES, hidden=fnn.sigmoid, output=fnn.sigmoid)
    t = fnn.backprop(params, X, Y)
    pages = Path(app.srcdir, "generated", "pages")
    pages.mkdir(parents=True, exist_ok=True)
    fnn.plots.activations(t).figure.savefig(pages.parent / "activations.svg")
    fnn.plots.deltas(t).figure.savefig(pages.parent / "deltas.svg")
    fnn.to_html(params, X, Y, pages / "figure1.html", eta=0.5)
    config.html_extra_path = [str(pages)]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
