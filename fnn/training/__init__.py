"""`train` and `train_many`: from checked arguments down to the equations, and back to a `Run`.

1. `train` makes a `Task` of its arguments (`task`): checked, converted once, and in words, by which a checkpoint knows
   its run.
2. `begin` makes what changes the parameters, a `Stepper` (`steppers`) for arrays, iterables, shards or a solver, and
   what drives it, the `Loop` (`loop`).
3. The loop calls the stepper for as many steps as take some 30 to 120 ms, and between two calls does all else:
   callbacks, validation, checkpoints, stopping, Ctrl-C.
4. The stepper calls the compiled loop (`kernels.descend`) in as many threads as the work is worth, which
   `steppers.call_tuner` finds out. Every thread goes through all steps.
5. In each step `kernels.phases` cuts the cases, then the rows of the weights, into chunks, which the threads take by
   `kernels.work_stealing`; behind either phase they wait for each other. Phase 1 goes forward and back to every Δ, and
   only reads the weights. Phase 2 computes ∂E/∂W and ∂E/∂b over the whole batch, and uses them at once: by G1, or by an
   optimizer's rule.
6. What runs in a chunk are `forward` and `backward`, then `gradient`, of `fnn.equations.kernels.backprop`, which has
   a line for each equation; `grad` and `backprop` run the same lines.

Networks of a few units are trained in one thread by `kernels.narrow`, which has the equations once more, laid out for
speed, with the same bits.
"""
