"""Kernels of activations: arrays and pointers in, numbers out; no validation."""
