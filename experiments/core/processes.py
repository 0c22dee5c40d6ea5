"""Several processes that run the same command, on one machine or many, connected by JAX's own runtime.

Each process has all results, as every call of a function of many nets ends by sharing them. The first process writes
files and talks; the others compute.
"""

import contextlib
import hashlib
import os
import re
import sys
import threading
import time
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from .refusals import refuse

_connected = False
_at_end = threading.Event()
WAIT = 20
"""Seconds without a sign of life after which a process counts as dead, and the others end."""

NOTICE = 3
"""Seconds for which the first process waits for the others before it leaves: without it JAX aborts them. They look
each second for one that has left."""
_LEFT = "jaxact-experiments/left"
_NO_NOTICE = AttributeError, ImportError, jax.errors.JaxRuntimeError
"""What is raised where there is no notice, or no way to give one."""


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
    jax.config.update("jax_enable_preemption_service", False)  # which makes nothing of SIGTERM
    try:
        jax.distributed.initialize(coordinator or None, processes, index, heartbeat_timeout_seconds=WAIT)
    except ValueError as problem:
        _connected = False
        raise ProcessError(f"JAX finds no cluster whose process this is ({str(problem).rstrip('.')}).") from problem
    threading.Thread(target=_follow, daemon=True).start()


def _notices() -> Any:
    """What all processes can write to and read from. JAX has no public name for it."""
    from jax._src import distributed

    return distributed.global_state.client


def _follow() -> None:
    """End, with a sentence, soon after another process has left before its end."""
    index = ""
    while not index:
        if _at_end.wait(1):
            return
        with contextlib.suppress(*_NO_NOTICE):
            index = _notices().key_value_try_get(_LEFT)
    if not _at_end.wait(NOTICE if first() else 0.5):  # it may end by itself, with a better sentence
        os._exit(refuse(f"process {index} has ended, and the others with it; the same command goes on from there."))


def lost(problem: BaseException) -> bool:
    """Whether an error of JAX says that another process is gone."""
    return _connected and isinstance(problem, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(problem)


def first() -> bool:
    """Whether this process is the one that writes."""
    return jax.process_index() == 0


def leave(code: int) -> int:
    """The exit code; a process among others ends soon, as JAX would wait minutes for them, and they end too."""
    _at_end.set()
    if _connected and code:
        sys.stdout.flush()
        sys.stderr.flush()
        with contextlib.suppress(*_NO_NOTICE):
            _notices().key_value_set(_LEFT, str(jax.process_index()))
        time.sleep(NOTICE if first() else 0)
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
