"""F2 and F3: what an activation is, and the built-in ones."""
