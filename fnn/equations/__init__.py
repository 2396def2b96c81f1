"""F1 to B4, G1 and R1 to R7 as pure functions: arguments, checks and results.

The equations themselves are in `kernels/backprop.py`, a line each, and R1 to R7 in `kernels/directional.py`; for
networks of a few units `train` has them once more, with the same bits, in ``fnn/training/kernels/narrow/equations.py``.
"""
