"""Cases: from what a caller has to what kernels take."""
