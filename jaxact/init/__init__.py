"""Initial weights that fit the activation after each layer, and the theory of wide random nets that they come from."""

from .._public import report_public_module as _report_public_module
from ._initializers import gain as gain
from ._initializers import initializer as initializer
from ._initializers import orthogonal as orthogonal
from ._layers import LayerReport as LayerReport
from ._layers import Report as Report
from ._lsuv import lsuv as lsuv
from ._maps import CriticalPoint as CriticalPoint
from ._maps import chi as chi
from ._maps import correlation_fixed_point as correlation_fixed_point
from ._maps import correlation_map as correlation_map
from ._maps import edge_of_chaos as edge_of_chaos
from ._maps import mean as mean
from ._maps import second_moment as second_moment
from ._maps import variance_fixed_point as variance_fixed_point
from ._maps import variance_map as variance_map
from ._reinitialise import reinitialise as reinitialise

_report_public_module(globals())
