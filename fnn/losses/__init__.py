"""E1 and E2: the value `Loss`, and the built-in losses."""
