"""Ctrl-C and SIGTERM: a KeyboardInterrupt, again and again until it is handled; a second signal leaves at once.

An exception that is raised within a callback of the garbage collector, of which JAX has one, or within a destructor is
dropped by Python. A program that runs in C++ meanwhile does not see a signal before it is done; a thread does.
"""

import os
import signal
import sys
import threading
from typing import Any

AGAIN = 0.5  # seconds after which the exception is raised again
SIGNALS = signal.SIGINT, signal.SIGTERM
_received = 0  # the first signal


def leave_at_once() -> None:
    """From now on a signal ends the program, with a word."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as of a job that a shell runs in the background
            signal.signal(number, lambda number, _: _leave(number, b"Interrupted.\n"))


def raise_until_handled() -> None:
    """From now on a signal raises KeyboardInterrupt until `exit_code` is called, and a second one ends the program."""
    show = sys.unraisablehook
    sys.unraisablehook = lambda dropped: None if dropped.exc_type is KeyboardInterrupt else show(dropped)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    threading.Thread(target=_watch, args=(reading,), daemon=True).start()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _interrupt)


def exit_code() -> int:
    """The exit code after an interrupt: 130 after Ctrl-C, 143 after SIGTERM. The exception is not raised again."""
    _raise_again_after(0)
    return 128 + (_received or signal.SIGINT)


def _interrupt(number: int, _: Any) -> None:
    global _received
    if number in SIGNALS:
        _received = _received or number
    _raise_again_after(AGAIN)
    raise KeyboardInterrupt


def _raise_again_after(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _watch(reading: int) -> None:
    """Leave at the second signal; Python writes the number of each to a pipe as soon as it comes."""
    come = 0
    while number := os.read(reading, 1):
        come += number[0] in SIGNALS
        if number[0] in SIGNALS and come == 2:
            _leave(number[0], b"Interrupted again.\n")


def _leave(number: int, word: bytes) -> None:
    if sys.stdout.isatty():
        word = b"\x1b[?25h" + word  # a progress bar hides the cursor
    os.write(2, word)
    os._exit(128 + number)
