"""E1 and E2: what a loss is, and the built-in ones."""
