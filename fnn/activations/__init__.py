"""F2 and F3: the value `Activation`, and the built-in activations."""
