"""What ends a command, as one sentence. Nothing but Python is imported, as a package may be what is missing."""

import sys


def refuse(sentence: str) -> int:
    """Print why a command cannot be run; return the exit code."""
    print(f"experiments: {sentence}", file=sys.stderr)
    return 2


def missing(problem: ImportError) -> str:
    """A package is missing or too old, as a sentence with the command that installs it."""
    package = (problem.name or "").partition(".")[0]
    if package == "experiments":
        raise problem
    wanted = "torch" if package == "torch" else '-e ".[experiments]"'
    return f"{problem}; `pip install {wanted}` in the folder of the project installs what is needed."
