"""Kernels of losses: arrays and pointers in, numbers out; no validation."""
