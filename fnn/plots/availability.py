"""Matplotlib: that it is there is checked before anything of it is imported."""

from fnn.boundary.extras import extra

extra("matplotlib", "fnn.plots", "plots")
