"""What changes parameters step by step, a file an engine: `stepper` has the protocol that the loop drives."""
