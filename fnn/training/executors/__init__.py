"""The pools of `train_many`: threads of this process; or an executor, to which `pool` submits what `worker` does."""
