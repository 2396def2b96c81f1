"""How a step uses the gradient."""
