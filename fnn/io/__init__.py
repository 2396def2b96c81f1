"""Files: `save` and `load`, their formats, and IDX."""
