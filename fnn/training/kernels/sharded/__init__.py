"""Training on shards: logical workers, whose sums are added along one binary tree on any number of processes."""
