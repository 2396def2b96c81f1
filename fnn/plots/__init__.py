"""Pictures by matplotlib: runs, networks, what they compute, and what they make of cases."""

from fnn.plots import availability as availability  # first: it tells what is missing
from fnn.plots.errors import history as history

__all__ = ["history"]
