"""Parameters, architecture, initializers, and the layout of networks in memory."""
