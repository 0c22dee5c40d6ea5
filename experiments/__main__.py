"""`python -m experiments`: starts the command line if all that it needs is installed, and ends it in a sentence."""

import os
import sys

from experiments.core import interrupts
from experiments.core.refusals import missing, refuse


def start(arguments: list[str]) -> int:
    """Run the command line; return the exit code."""
    if sys.flags.optimize > 1:
        return refuse(
            "python -OO removes docstrings, which are printed and stored, but python or python -O is expected."
        )
    interrupts.leave_at_once()  # imports take seconds, and nothing is lost yet
    try:
        from experiments.command_line import cache_compilations, main
    except ImportError as problem:
        return refuse(missing(problem))
    interrupts.raise_until_handled()
    cache_compilations()
    try:
        code = main(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return interrupts.exit_code()
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again when it ends
        if isinstance(problem, BrokenPipeError):
            return 141  # as of a program that does not handle SIGPIPE
        return refuse(f"the output cannot be written ({problem.strerror or problem}).")


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
