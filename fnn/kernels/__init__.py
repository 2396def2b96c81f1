"""All that is compiled: arrays and pointers in, numbers out; no defaults, no validation, no Python objects."""
