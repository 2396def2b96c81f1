"""Networks with weights of 8 or 16 bits, for inference: the value `Quantized` and its kernels.

It stands here, and not with the equations, because files and C source (`fnn.io`, `fnn.export`) need it, which stand
below them; `fnn.equations.quantize`, which calibrates it by a forward pass, stands there.
"""
