"""Data-parallel training: the processes that share a run, and the sums over their shards."""
