"""Sweeps on Dask, in one of which a network kills its worker: ``python -m tests.training.executors.on_dask``."""

import logging
from importlib import import_module
from typing import Any

import fnn
from tests.training.executors import sweeps
from tests.training.executors.sweeps import X, Y, bits, networks, same_as_at_home


def main() -> None:
    distributed: Any = import_module("distributed")
    import_module("dask").config.set({"distributed.scheduler.allowed-failures": 0})
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    )
    with cluster, distributed.Client(cluster) as client:
        print(same_as_at_home(client.get_executor()), flush=True)
        given: dict[str, Any] = dict(eta=1e-3, epochs=50)
        callbacks: list[list[Any]] = [[fnn.each_epoch(sweeps.kill)] if i == 4 else [] for i in range(6)]
        home = fnn.train_many(networks(6), X, Y, **given)
        try:
            fnn.train_many(networks(6), X, Y, **given, callbacks=fnn.Each(callbacks), executor=client.get_executor())
        except fnn.SomeLost as error:
            same = all(bits(error.outcomes[i]) == bits(home[i]) for i in range(6) if i != 4)
            print(list(error.lost), same, flush=True)


if __name__ == "__main__":
    main()
