"""The list of questions, and what it takes to answer one: measure, judge, tell."""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from . import collapse, collapse_story, collapse_verdicts
from . import convergence, convergence_story, convergence_verdicts
from . import dying_relu, dying_relu_story, dying_relu_verdicts
from .progress import Progress
from .result import Claim, Result, Runs, Story
