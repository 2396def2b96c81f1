"""Pictures by matplotlib: runs, networks, what they compute, and what they make of cases."""

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
