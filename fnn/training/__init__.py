"""`train` and `train_many`."""
