"""Several processes that run the same command, on one machine or many, connected by JAX's own runtime.

Each process has all results, as every call of a function of many nets ends by sharing them. The first process writes
files and talks; the others compute.
"""

import re

import jax
import numpy as np
from jax.experimental import multihost_utils

WAIT = 100
"""Seconds without a sign of life after which a process counts as dead, and the others end."""


def check(coordinator: str, processes: int | None, index: int | None, cluster: bool) -> None:
    """Raise a ValueError if this does not say which processes there are."""
    given = f"coordinator is {coordinator!r}, num-processes is {processes} and process-id is {index}"
    if cluster:
        if (coordinator, processes, index) != ("", None, None):
            raise ValueError(f"{given}, but none of them is expected with --cluster, which finds them.")
    elif not re.fullmatch(r"\S+:\d+", coordinator) or processes is None or index is None:
        raise ValueError(f"{given}, but all three are expected, the first as HOST:PORT.")
    elif not 0 <= index < processes:
        raise ValueError(f"{given}, but a process-id from 0 to num-processes - 1 is expected.")


def connect(coordinator: str = "", processes: int | None = None, index: int | None = None) -> None:
    """Connect with the other processes; without arguments SLURM, GKE, Open MPI or a Cloud TPU says which there are."""
    jax.distributed.initialize(coordinator or None, processes, index, heartbeat_timeout_seconds=WAIT)


def first() -> bool:
    """Whether this process is the one that writes."""
    return jax.process_index() == 0


def agreed(content: bytes) -> bytes:
    """What the first process gave, in all of them."""
    if jax.process_count() == 1:
        return content
    length = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
    padded = np.frombuffer(content[:length].ljust(length, b"\0"), np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(padded)).tobytes()
