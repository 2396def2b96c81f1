"""PyTorch, eager: tensors allocated once, no data loader, no module, no optimizer object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..workloads import Array, Case, Order


class Training:
    """Gradient descent by autograd and one multi-tensor update, or with the backward pass written by hand."""

    def __init__(self, case: Case, style: str, shuffled: bool) -> None:
        self.case, self.shuffled = case, shuffled
        self.x, self.y = torch.from_numpy(case.x), torch.from_numpy(case.y)
        self.leaves = [torch.tensor(leaf, requires_grad=style != "hand") for leaf in case.start]
        self.rows_x, self.rows_y = (torch.empty(case.batch, n) for n in (case.sizes[0], case.sizes[-1]))
        by_hand = torch.inference_mode()(self.by_hand)
        self.step = {"foreach": self.foreach, "fused": self.fused, "hand": by_hand}[style]

    def run(self, epochs: int) -> None:
        for _ in range(epochs):
            if self.shuffled:
                self.epoch(torch.randperm(len(self.x)))
            else:
                self.step(self.x, self.y)

    def follow(self, order: Order) -> None:
        self.epoch(torch.from_numpy(order.ravel()))

    def epoch(self, order: Any) -> None:
        for rows in order.split(self.case.batch):
            torch.index_select(self.x, 0, rows, out=self.rows_x)
            torch.index_select(self.y, 0, rows, out=self.rows_y)
            self.step(self.rows_x, self.rows_y)

    def gradients(self, x: Any, y: Any) -> Any:
        a = x
        for w, b in zip(self.leaves[::2], self.leaves[1::2], strict=True):
            a = torch.sigmoid(torch.addmm(b, a, w))
        # The factor 1 / (2 batch) goes into the update, which saves a node in the graph.
        error = torch.nn.functional.mse_loss(a, y, reduction="sum")
        return torch.autograd.grad(error, self.leaves)

    def foreach(self, x: Any, y: Any) -> None:
        gradients = self.gradients(x, y)
        with torch.no_grad():
            torch._foreach_add_(self.leaves, gradients, alpha=-0.5 * self.case.eta / self.case.batch)

    def fused(self, x: Any, y: Any) -> None:
        gradients = list(self.gradients(x, y))
        rate = 0.5 * self.case.eta / self.case.batch
        with torch.no_grad():  # What torch.optim.SGD(fused=True) calls, without its bookkeeping.
            torch._fused_sgd_(
                self.leaves, gradients, [], weight_decay=0.0, momentum=0.0, lr=rate,
                dampening=0.0, nesterov=False, maximize=False, is_first_step=False,
            )  # fmt: skip

    def by_hand(self, x: Any, y: Any) -> None:
        a, rate = [x], -self.case.eta / self.case.batch
        for w, b in zip(self.leaves[::2], self.leaves[1::2], strict=True):
            a.append(torch.addmm(b, a[-1], w).sigmoid_())
        delta = torch.ops.aten.sigmoid_backward(a[-1] - y, a[-1])
        for layer in reversed(range(len(a) - 1)):
            w, b = self.leaves[2 * layer : 2 * layer + 2]
            below = torch.ops.aten.sigmoid_backward(delta @ w.t(), a[layer]) if layer else None
            w.addmm_(a[layer].t(), delta, alpha=rate)
            b.add_(delta.sum(0), alpha=rate)
            delta = below

    def parameters(self) -> list[Array]:
        return [leaf.detach().numpy() for leaf in self.leaves]


def train(case: Case, threads: int, style: str) -> Training:
    """Mini-batches gathered with index_select."""
    torch.set_num_threads(threads)
    return Training(case, style, shuffled=not case.full_batch)


def loop(case: Case, threads: int, style: str) -> Training:
    """All cases in every step."""
    torch.set_num_threads(threads)
    return Training(case, style, shuffled=False)


def forward(start: tuple[Array, ...], x: Array, threads: int, style: str) -> Callable[[], object]:
    """One case in inference mode."""
    torch.set_num_threads(threads)
    torch.inference_mode(True).__enter__()
    case = torch.from_numpy(x)
    layers = [(torch.from_numpy(w.T.copy()), torch.from_numpy(b)) for w, b in zip(start[::2], start[1::2], strict=True)]
    linear, addmv = torch.nn.functional.linear, torch.addmv

    def by_linear() -> Any:
        a = case
        for w, b in layers:
            a = linear(a, w, b).sigmoid_()
        return a

    def by_addmv() -> Any:
        a = case
        for w, b in layers:
            a = addmv(b, w, a).sigmoid_()
        return a

    return by_linear if style == "linear" else by_addmv
