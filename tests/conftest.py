"""What all tests share."""

collect_ignore = ["typing"]  # read by mypy (test_types.py), not imported
