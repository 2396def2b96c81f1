"""All that is compiled here: arrays and pointers in, numbers out; no validation."""
