"""Arithmetic that knows no network: vector functions, the register tile, matrix products, random numbers.

All of `fnn.numerics` has the same bits on every processor:

- An element of a matrix product is one chain, acc = fma(A[i,k], B[k,j], acc) for k = 0, 1, 2, .. (`microkernel`). Its
  speed comes from chains side by side, as many as the registers hold. The width of the vectors and the shape of the
  tile decide which chains those are, not the order within one.
- Numba compiles without ``fastmath``: nothing is reordered, and a product and a sum become an fma only where one is
  written (`fnn.compiler.internals`).
- eˣ, log, tanh, sin and their relatives are made of sums, products, quotients, fma and the bits of exponents
  (`elementary`, `special`), for which IEEE 754 leaves one result. Those of C libraries differ from one to the next,
  and in a loop take ten times as long.
- Long inner products are 16 chains in float64, added up in halves (`dot`); sums of a Cholesky factor have an order that
  constants fix (`cholesky`); powers are products (`powers`).
- Random numbers are functions of a seed and a position (`random`).
"""
