"""Where callers meet fnn: calls by name, checks of arguments, optional packages, the terminal."""
