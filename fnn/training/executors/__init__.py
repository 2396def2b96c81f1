"""`train_many` on an executor: `pool` submits jobs and receives answers, `worker` is what runs in the workers."""
