"""Numba, tamed: its options, what is compiled once and linked, the cache on disk, threads for kernels."""
