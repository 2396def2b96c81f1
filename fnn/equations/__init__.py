"""F1 to B4, G1 and R1 to R7 as pure functions."""
