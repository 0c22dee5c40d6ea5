"""The microscope: what happens at the activations of any JAX function, why a net does not learn, and what to do."""

from .._public import report_public_module as _report_public_module
from ._diagnose import diagnose as diagnose
from ._diagnosis import Diagnosis as Diagnosis
from ._diagnosis import Finding as Finding
from ._diagnosis import Row as Row
from ._monitor import Monitor as Monitor
from ._monitor import MonitorState as MonitorState
from ._monitor import Record as Record
from ._probe import probe as probe
from ._probe import tag as tag
from ._probe import value_and_grad as value_and_grad
from ._sites import Site as Site
from ._sites import Sites as Sites
from ._statistics import all_reduce as all_reduce
from ._statistics import merge as merge
from ._statistics import merge_axis as merge_axis
from ._swap import stabilise as stabilise
from ._swap import swap as swap
from ._thresholds import Thresholds as Thresholds

_report_public_module(globals())
