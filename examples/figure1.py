"""Every equation, with its numbers
================================

Backpropagation, equation by equation, for the example network of the tutorial S1 ("Figure-01"): layers of 4, 3 and 4
sigmoid units; the text doesn't tell the number of inputs, here it is 3. The weights are short, so that every line can
be checked by hand. Each quantity is printed twice:

- on the left as fnn has it: a case is a row, W is (n_in, n_out), and the layers of weights are counted, 1 .. 3;
- on the right as S1 has it: a case is a column, W is the transpose of fnn's, and the inputs are layer 1, so that the
  weights belong to the layers 2 .. 4.

`fnn.explain` tells the same of any network, and `fnn.plots` draws it. Run it as::

    python examples/figure1.py
    python examples/figure1.py --x 0 1 1 --y 0 0 0 1 --eta 0.1
    python examples/figure1.py --out figure1.png               # with matplotlib
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

import fnn

LEAVES: dict[str, ArrayLike] = {
    "W1": [[0.5, -0.4, 0.3, 0.8], [0.2, 0.6, -0.7, 0.1], [-0.3, 0.9, 0.4, -0.5]],
    "b1": [0.1, -0.2, 0.3, 0.0],
    "W2": [[1.0, -0.6, 0.4], [-0.8, 0.7, 0.2], [0.3, 0.5, -0.9], [0.6, -0.1, 1.1]],
    "b2": [-0.1, 0.2, 0.1],
    "W3": [[0.9, -1.2, 0.5, 0.7], [-0.6, 0.8, 1.1, -0.3], [1.3, 0.4, -0.8, 0.6]],
    "b3": [0.2, -0.3, 0.1, 0.0],
}


def save_picture(path: Path, t: fnn.Backprop[np.float64]) -> None:
    """What goes forward, and what comes back."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), layout="compressed")
    above, below = figure.subplots(2, 1)
    fnn.plots.activations(t, ax=above).set_title("forward: the activations", loc="left")
    fnn.plots.deltas(t, ax=below).set_title("back: the deltas and the gradient", loc="left")
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Print every equation's value for S1's example network.")
    parser.add_argument("--x", type=float, nargs=3, default=[1.0, 0.5, -1.0], help="the inputs (default: %(default)s)")
    parser.add_argument("--y", type=float, nargs=4, default=[1.0, 0.0, 1.0, 0.0], help="targets (default: %(default)s)")
    parser.add_argument("--eta", type=float, default=0.5, help="learning rate η (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file for a picture, by matplotlib (default: none)")
    args = parser.parse_args(argv)
    params: fnn.Params[np.float64] = fnn.Params(LEAVES, hidden=fnn.sigmoid, output=fnn.sigmoid)
    try:
        print(fnn.explain(params, args.x, args.y, eta=args.eta, by="both"))
        if args.out is not None:
            save_picture(args.out, fnn.backprop(params, args.x, args.y))
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
