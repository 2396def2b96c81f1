"""Pictures by matplotlib: runs, networks, what they compute, and what they make of cases.

Runs
    history: errors of training and validation, best epoch, rate
Networks
    network, weights; on the drawing of a network, from a `Backprop`: activations, deltas
Classes
    decision (regions of two inputs), confusion, calibration
Numbers
    curve (with intervals), residuals
Any of these, epoch by epoch
    film

Each draws into the axes ``ax``, or into those of a new figure of pyplot, which ``plt.show()`` and notebooks show, and
returns them: ``ax.figure.savefig("picture.png")`` keeps it, ``ax.set_title(..)`` changes what isn't wanted. Nothing is
drawn into pyplot's current axes, and matplotlib's settings stay as they are. Colours are ones that people with any kind
of colour vision tell apart; of numbers with a sign, red is above 0 and blue below. All three pictures of a network that
learns two moons, a film of the boundary among them::

    import fnn
    from functools import partial
    from sklearn.datasets import make_moons
    x, y = make_moons(300, noise=0.2, random_state=0)
    kept = {}
    keep = fnn.each_epoch(lambda epoch, params, record: kept.update({epoch: params}))
    start = fnn.init((2, 8, 1), seed=0, hidden=fnn.tanh)
    run = fnn.train(start, x, y, eta=0.3, batch_size=20, epochs=200, seed=0, callbacks=[keep])
    fnn.plots.network(run.params).figure.savefig("network.png")
    fnn.plots.weights(run.params, units=[0], bars=True).figure.savefig("unit.png")
    fnn.plots.film(kept, partial(fnn.plots.decision, x=x, labels=y), "moons.gif", frames=20)

This package needs matplotlib (extra ``plots``), and is imported only when it is asked for.
"""

from fnn.plots import availability as availability  # first: it tells what is missing
from fnn.plots.animation import film as film
from fnn.plots.classes import calibration as calibration
from fnn.plots.classes import confusion as confusion
from fnn.plots.classes import decision as decision
from fnn.plots.errors import history as history
from fnn.plots.fits import curve as curve
from fnn.plots.fits import residuals as residuals
from fnn.plots.leaves import weights as weights
from fnn.plots.networks import activations as activations
from fnn.plots.networks import deltas as deltas
from fnn.plots.networks import network as network

__all__ = [
    "activations",
    "calibration",
    "confusion",
    "curve",
    "decision",
    "deltas",
    "film",
    "history",
    "network",
    "residuals",
    "weights",
]
