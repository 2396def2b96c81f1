"""The iterations of solvers: L-BFGS and Levenberg–Marquardt, on all cases or by shards."""
