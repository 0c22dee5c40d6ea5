"""The options that all questions share: the size of the runs, the devices, and the folder for answers."""

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import tyro

from . import checks, devices, processes
from .data import TITLES, Name
from .style import listed


class Size(StrEnum):
    """How large the runs are; each is a flag of the command line."""

    SMALLEST = "smallest"
    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True)
class Placement:
    """The devices, and the processes that they belong to."""

    devices: int | Literal["all"] = 1
    """Devices among which the nets are split: a number, or all, which includes those of all processes."""
    coordinator: str = ""
    """Address of process 0, HOST:PORT, for a command that runs in several processes, each with --devices all."""
    num_processes: int | None = None
    """How many processes there are."""
    process_id: int | None = None
    """The number of this one; process 0 writes the answers."""
    cluster: bool = False
    """One command in each process of a SLURM job, a GKE job set or a Cloud TPU slice, which JAX finds by itself."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        if self.several_processes:
            if self.devices != "all":
                raise ValueError(f"devices is {self.devices}, but all is expected where there are several processes.")
            processes.check(self.coordinator, self.num_processes, self.process_id, self.cluster)
        devices.check(self.devices)

    @property
    def several_processes(self) -> bool:
        """Whether others run the same command."""
        return self.cluster or (self.coordinator, self.num_processes, self.process_id) != ("", None, None)

    def connect(self) -> None:
        """Connect with the other processes, if there are any."""
        if self.several_processes:
            processes.connect(self.coordinator, self.num_processes, self.process_id)


@dataclass(frozen=True)
class Output(Placement):
    """The size of the runs, and the folder for answers."""

    quick: bool = False
    """The usual settings, for verdicts: all questions in about 10 minutes on 2 cores. This is the default."""
    full: bool = False
    """More seeds, widths and depths, to see where claims hold: all questions in over an hour on 2 cores."""
    smallest: bool = False
    """Settings that use all of the code, for trying out and not for verdicts: all in a minute or two."""
    out: Path = Path("results")
    """Folder for the report, the log and, per question, a JSON file and a figure."""
    fresh: bool = False
    """Run questions again that were answered before."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        if len(flags := [f"--{size}" for size in Size if getattr(self, size)]) > 1:
            raise ValueError(f"{listed(flags)} were given, but one size is expected.")
        super().__post_init__()

    @property
    def size(self) -> Size:
        """The one asked for."""
        return next((size for size in Size if getattr(self, size)), Size.QUICK)


@dataclass(frozen=True)
class Everything(Output):
    """The same, and settings that replace those of the questions."""

    seeds: int | None = None
    """Fresh seeds of every question that has any, in place of its own number."""
    data: Name | None = None
    """What all nets learn where the question can choose, in place of its own choice: digits, mnist1d, mnist, fashion
    or cifar10."""
    folder: str = ""
    """Folder with the files of mnist, fashion or cifar10; without one they are fetched from OpenML."""

    def __post_init__(self) -> None:
        """Raise a ValueError if a setting is wrong."""
        super().__post_init__()
        if self.data is not None:
            checks.one_of(TITLES, data=self.data)
        if self.seeds is not None:
            checks.at_least(2, seeds=self.seeds)

    def applied(self, config: Any) -> Any:
        """A question's settings, in which those that it has of these are replaced."""
        options: dict[str, Any] = {"data": self.data, "folder": self.folder, "seeds": self.seeds}
        settings = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        replaced = {name: value for name, value in options.items() if name in settings and value is not None}
        if "data" in replaced and isinstance(settings["data"], tuple):
            replaced["data"] = (self.data,)
        return dataclasses.replace(config, **replaced)


@dataclass(frozen=True)
class Chosen(Everything):
    """Some questions only."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """The questions to answer."""
