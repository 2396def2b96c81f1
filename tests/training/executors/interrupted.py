"""A sweep that is interrupted, and what it brought: ``python -m tests.training.executors.interrupted fork``."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import fnn
from tests.training.executors.sweeps import X, Y, networks


def endless(epoch: int, params: object, record: object) -> None:
    if epoch == 1:
        os.write(1, f"ready {os.getpid()}\n".encode())  # whole, beside those of other processes


def short(epoch: int, params: object, record: object) -> bool:
    if epoch == 3:
        os.write(1, b"ended\n")

    return epoch == 3


def main(kind: str) -> None:
    """Train four networks, of which one has no end."""
    functions = [short, endless, short, short]
    callbacks: fnn.Each[Any] = fnn.Each([[fnn.each_epoch(function)] for function in functions])
    epochs = fnn.Each([10**7, 10**8, 10**8, 10**7])
    factory = partial(ProcessPoolExecutor, 2, multiprocessing.get_context(kind))
    try:
        fnn.train_many(networks(4), X, Y, eta=1e-9, epochs=epochs, callbacks=callbacks, executor=factory)
    except KeyboardInterrupt as error:
        outcomes = vars(error)["outcomes"]
        print(json.dumps([outcome and [outcome.stop_reason, len(outcome.history)] for outcome in outcomes]))
        print(len(multiprocessing.active_children()), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests run
    main(*sys.argv[1:])
