"""How fast fnn is beside its peers: ``python -m tests.benchmarks`` measures, prints tables and saves a plot."""
