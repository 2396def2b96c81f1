"""Layout of networks in memory: arrays and pointers in, numbers out; no validation."""
