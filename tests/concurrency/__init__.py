"""Threads, processes and Numba's threading layers, all at once."""
