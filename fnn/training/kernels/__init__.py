"""All that is compiled of training: arrays and pointers in, numbers out; no validation.

How the work of a run is divided changes no bit of it:

- Phase 1 computes of each case what depends on that case alone. Phase 2 computes each element of ∂E/∂W in one piece,
  over all cases of the batch: threads have no partial sums that would have to be added.
- That sum has one order, on three levels, so that rounding errors don't grow with the batch: a chain of 256 cases
  (CHAIN), one fma after the other; the chains of a GROUP, 64, one added after the other; and the groups likewise.
- The error of a batch is added case by case, in their order. Norms, of the gradient and of the weights into a unit, are
  chains over the rows of each column, added in the order of the columns.
- The order of the cases, and which units are dropped, are functions of the seed, the epoch and the place
  (`fnn.numerics.random`), so a run can go on from anywhere, and steps may be divided into calls in any way.
- With shards, a chain has cases of one shard alone, and chains, then shards, are added along a binary tree, which
  depends on the number of shards and on the batch (`sharded.leaves`). A process fills the subtrees whose shards are all
  its own; the rest of the same tree is added between processes (`fnn.training.ranks.tree`).
"""
