"""F1 to B4, G1, R1 to R7 and J1 to J7 as pure functions: arguments, checks and results.

The equations themselves are in `kernels/backprop.py`, a line each, R1 to R7 in `kernels/directional.py`, J1 to J7 in
`kernels/jacobian_rows.py`; for networks of a few units `train` has F1 to B4 and G1 once more, with the same bits, in
``fnn/training/kernels/narrow/equations.py``.
"""
