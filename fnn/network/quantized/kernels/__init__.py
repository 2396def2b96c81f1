"""The kernels of quantized networks."""
