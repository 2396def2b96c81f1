"""Arithmetic that knows no network: vector functions, the register tile, matrix products, random numbers."""
