"""Networks for other programs: a file for each, and the activations' formulas for all of them in `formulas`."""
