"""Pictures that pages have, in `generated`: of the example on the first page; of Figure-01, which is also a page."""

from pathlib import Path

from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.config import Config

import fnn
from examples.figure1 import LEAVES


def draw_xor(pictures: Path) -> None:
    """What the README's first lines come to."""
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    run = fnn.train(fnn.init((2, 2, 1), seed=2), x, y, eta=2.0, epochs=2000)
    draw = {
        "history": lambda ax: fnn.plots.history(run, ax=ax),
        "network": lambda ax: fnn.plots.network(run.params, ax=ax),
        "decision": lambda ax: fnn.plots.decision(run.params, x, y, ax=ax),
    }
    for name, plot in draw.items():
        figure = Figure(figsize=(4, 3.2), layout="constrained")
        plot(figure.subplots())
        figure.savefig(pictures / f"xor_{name}.svg")


def draw_figure1(pictures: Path, pages: Path) -> None:
    """The network of `examples/figure1.py`, its activations and deltas; and the page on which all its numbers move."""
    x, y = [1.0, 0.5, -1.0], [1.0, 0.0, 1.0, 0.0]
    params = fnn.Params(LEAVES, hidden=fnn.sigmoid, output=fnn.sigmoid)
    t = fnn.backprop(params, x, y)
    fnn.plots.activations(t).figure.savefig(pictures / "activations.svg")
    fnn.plots.deltas(t).figure.savefig(pictures / "deltas.svg")
    fnn.to_html(params, x, y, pages / "figure1.html", eta=0.5)


def write(app: Sphinx, config: Config) -> None:
    pictures = Path(app.srcdir, "generated")
    pages = pictures / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    draw_xor(pictures)
    draw_figure1(pictures, pages)
    config.html_extra_path = [str(pages)]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
