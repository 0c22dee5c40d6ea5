"""The microscope: what happens at the activations of any JAX function, why a net does not learn, and what to do."""

from .._public import report_public_module as _report_public_module
from ._probe import probe as probe
from ._probe import tag as tag
from ._probe import value_and_grad as value_and_grad
from ._sites import Site as Site
from ._sites import Sites as Sites
from ._statistics import all_reduce as all_reduce
from ._statistics import merge as merge
from ._statistics import merge_axis as merge_axis

_report_public_module(globals())
