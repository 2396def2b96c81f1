"""How fast fnn is beside its peers: ``python -m tests.benchmarks`` measures, prints tables and saves a plot.

::

    pip install -e ".[bench]"
    python -m tests.benchmarks --data FOLDER    # with MNIST's four IDX files; without it, noise of the same shape

What is timed is a training step, in which the epoch's shuffle and the batch's gather have their part, on four networks
from 2-2-1 to 784-512-512-10; then single calls, layers that `to_c` wrote, beside Eigen if Debian's libeigen3-dev is
there or ``EIGEN`` names the folder of its headers, 1024 networks at once, whole processes from start to end, Nielsen's
run to its accuracy, and recipes with dropout and Adam. Beside them stand the machine's best matrix product, small
and odd layers on one core and on all, and fnn alone by dtype, size and number of threads. ``--only steps calls``
chooses among these; ``--quick`` tries them out.

- All peers have the same problem: initial weights, cases, batches and rate, in float32. ``--check`` compares their
  parameters after a few steps with plain NumPy in float64. Only scikit-learn's differs: its outputs are linear.
- Each is used in the way that is fastest for it: JAX with an epoch in one jitted ``lax.scan`` and its memory donated,
  PyTorch eager, without loader, module or optimizer object. Of several ways, and of one thread and all, a trial round
  chooses. fnn chooses its number of threads itself.
- Every measurement is a process of its own. It has none of the variables that slow a library down, such as
  ``OPENBLAS_CORETYPE``, or choose its number of threads.
- In it, whatever compiles has compiled before the clock starts; then the median of three blocks of about a second
  counts.
- The peers take turns, A B C A B C, in five rounds (``--repeats``), so whatever else the machine does meets all of
  them. Tables have the medians of the rounds; ratios are medians of each round's ratio.
- The report begins with the processor and all versions. Of a virtual machine, whose neighbours come and go, compare the
  ratios within a run, not the microseconds of two.
"""
