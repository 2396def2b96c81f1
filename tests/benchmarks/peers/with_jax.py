"""JAX: a whole epoch in one jitted `lax.scan`, the gather inside it, the old parameters' memory reused."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Array, Case, Order

Tree = tuple[Any, ...]


def limit(threads: int, single_calls: bool = False) -> None:
    """Settings that JAX reads once, when it is imported."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        os.environ["NPROC"] = "1"
    if single_calls:
        import jax

        # Handing a call to another thread takes longer than a small network does.
        jax.config.update("jax_cpu_enable_async_dispatch", False)


class Training:
    """Gradient descent in one compiled call an epoch, or one a step when `stepwise`."""

    def __init__(self, case: Case, stepwise: bool) -> None:
        import jax
        import jax.numpy as jnp

        self.case, self.stepwise = case, stepwise
        self.wait: Callable[[Tree], object] = jax.block_until_ready
        self.random = np.random.default_rng(0)
        self.x, self.y = jnp.asarray(case.x), jnp.asarray(case.y)
        self.leaves: Tree = tuple(jnp.array(leaf) for leaf in case.start)
        eta = np.float32(case.eta / case.batch)

        def error(leaves: Tree, x: Any, y: Any) -> Any:
            a = x
            for w, b in zip(leaves[::2], leaves[1::2], strict=True):
                a = jax.nn.sigmoid(a @ w + b)
            return 0.5 * jnp.sum((a - y) ** 2)

        def step(leaves: Tree, x: Any, y: Any) -> Tree:
            gradients = jax.grad(error)(leaves, x, y)
            return tuple(p - eta * g for p, g in zip(leaves, gradients, strict=True))

        def epoch(leaves: Tree, x: Any, y: Any, order: Any) -> Any:
            def body(leaves: Tree, rows: Any) -> Any:
                # Out-of-range rows would cost a test per row; these are in bounds.
                gather = [a.at[rows].get(mode="promise_in_bounds") for a in (x, y)]
                return step(leaves, *gather), None

            return jax.lax.scan(body, leaves, order)[0]

        def many(leaves: Tree, x: Any, y: Any, steps: Any) -> Any:
            return jax.lax.fori_loop(0, steps, lambda _, p: step(p, x, y), leaves)

        self.step, self.epoch, self.many = (jax.jit(f, donate_argnums=0) for f in (step, epoch, many))

    def run(self, epochs: int) -> None:
        if self.case.full_batch and not self.stepwise:
            self.leaves = self.many(self.leaves, self.x, self.y, epochs)
        for _ in range(epochs if self.stepwise else 0):
            self.leaves = self.step(self.leaves, self.x, self.y)
        for _ in range(0 if self.case.full_batch else epochs):
            order = self.random.permutation(len(self.x)).astype(np.int32)
            self.leaves = self.epoch(self.leaves, self.x, self.y, order.reshape(-1, self.case.batch))
        self.wait(self.leaves)

    def follow(self, order: Order) -> None:
        self.leaves = self.epoch(self.leaves, self.x, self.y, order.astype(np.int32))

    def parameters(self) -> list[Array]:
        return [np.asarray(leaf) for leaf in self.leaves]


def train(case: Case, threads: int, style: str) -> Training:
    """An epoch a call; all cases in every step if they are one batch."""
    limit(threads)
    return Training(case, stepwise=False)


def loop(case: Case, threads: int, style: str) -> Training:
    """One jitted step (gradient and update) a call."""
    limit(threads, single_calls=True)
    return Training(case, stepwise=True)


def vmapped(leaves: list[Array], x: Array, y: Array, eta: float, steps: int) -> Callable[[int], None]:
    """Many networks with one hidden layer, parameters stacked: a function that trains `times * steps` steps."""
    import jax
    import jax.numpy as jnp

    def error(leaves: Tree) -> Any:
        w1, b1, w2, b2 = leaves
        return 0.5 * jnp.sum((jax.nn.sigmoid(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2) - y) ** 2)

    def step(leaves: Tree) -> Tree:
        rate = np.float32(eta / len(x))
        return tuple(p - rate * g for p, g in zip(leaves, jax.grad(error)(leaves), strict=True))

    def many(leaves: Tree) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, p: jax.vmap(step)(p), leaves)

    compiled, state = jax.jit(many, donate_argnums=0), tuple(jnp.array(leaf) for leaf in leaves)

    def run(times: int) -> None:
        nonlocal state
        for _ in range(times):
            state = compiled(state)
        jax.block_until_ready(state)

    return run


def forward(start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
    """One jitted call, from an array of JAX's own to a result that is ready; W kept as it is, or transposed."""
    limit(threads, single_calls=True)
    import jax
    import jax.numpy as jnp

    weights, biases = start[::2], start[1::2]
    if style == "Wa":
        weights = tuple(np.ascontiguousarray(w.T) for w in weights)
    layers = [(jnp.array(w), jnp.array(b)) for w, b in zip(weights, biases, strict=True)]
    case = jnp.array(x)

    def network(layers: list[Tree], a: Any) -> Any:
        for w, b in layers:
            a = jax.nn.sigmoid((w @ a if style == "Wa" else a @ w) + b)
        return a

    compiled = jax.jit(network)

    return lambda: compiled(layers, case).block_until_ready()
