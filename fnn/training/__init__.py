"""`train` and `train_many`: `train` checks arguments (`task`) and starts the Python loop (`loop`).

The loop drives a stepper (`steppers`) and does all else: callbacks, validation, checkpoints, stopping. A stepper calls
the compiled loop (`kernels/descend.py`) in several threads; in each step `kernels/phases.py` cuts the cases, then the
rows of the weights, into chunks, and every thread takes its chunks by `kernels/work_stealing.py`.
"""
