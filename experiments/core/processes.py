"""Several processes that run the same command, on one machine or many, connected by JAX's own runtime.

Each process has all results, as every call of a function of many nets ends by sharing them. The first process writes
files and talks; the others compute.
"""

import hashlib
import os
import re
import sys

import jax
import numpy as np
from jax.experimental import multihost_utils

_connected = False
WAIT = 20
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
    global _connected
    _connected = True
    jax.distributed.initialize(coordinator or None, processes, index, heartbeat_timeout_seconds=WAIT)


def lost(problem: BaseException) -> bool:
    """Whether an error of JAX says that another process is gone."""
    return _connected and isinstance(problem, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(problem)


def first() -> bool:
    """Whether this process is the one that writes."""
    return jax.process_index() == 0


def leave(code: int) -> int:
    """The exit code; a process among others ends at once, as JAX would wait minutes for them, and they end too."""
    if _connected and code:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


class ProcessError(Exception):
    """The processes do not run the same; the message is a sentence."""


def agree_on(fingerprint: str) -> None:
    """Raise a ProcessError, in all processes, if one of them has another fingerprint."""
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(fingerprint.encode()).digest(), np.uint8)
    digests = np.asarray(multihost_utils.process_allgather(digest))
    others = [str(index) for index in range(len(digests)) if (digests[index] != digests[0]).any()]
    if others:
        processes = f"process{'es' * (len(others) > 1)} {', '.join(others)}"
        raise ProcessError(f"the code, settings or data of {processes} differ from those of process 0.")


def agreed(content: bytes) -> bytes:
    """What the first process gave, in all of them."""
    if jax.process_count() == 1:
        return content
    length = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
    padded = np.frombuffer(content[:length].ljust(length, b"\0"), np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(padded)).tobytes()
