"""Damaged and hostile files. ``python -m tests.fuzz`` is the long run; the tests do a little of it."""
