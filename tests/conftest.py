"""What all tests share."""

import os

from hypothesis import settings

collect_ignore = ["typing"]  # read by mypy (test_types.py), not imported

# The gate gives one commit one verdict; everybody else's run tries new examples.
settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("gate")
