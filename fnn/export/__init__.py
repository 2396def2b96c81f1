"""Networks for other programs, a module each; `formulas` has the activations' formulas for all of them."""
