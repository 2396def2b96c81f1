"""Data-parallel training: what shards cost, what a second rank brings, and a model of many.

``python -m tests.benchmarks.ranks`` measures, ``python -m tests.benchmarks.ranks.simulation`` goes on to 1,024 ranks.
"""
