"""Compiled code behind the bodies of `fnn.njit`: pointers in, a status out."""
