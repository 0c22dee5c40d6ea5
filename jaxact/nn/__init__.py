"""Equinox modules for the activations that learn or draw random numbers. The others are used as functions.

What the modules share is said here, once.

Parameters. Modules that learn take `num_parameters`: None for one value of each parameter, shared by all of x; an int
for one per channel; or a shape for one per unit. `channel_axis` is the axis of the channels in x, or the first axis of
the shape. Equinox calls a module without a batch axis, so that an image of shape (channels, height, width) has
channel_axis 0, the default. `dtype` is the type of the parameters, a type of floats or None for JAX's default one. It
never changes the type of the result, which is that of x. Initial values are numbers or arrays that broadcast to the
parameters, and may be traced, as in a jax.vmap over them. A parameter that has to be positive is the softplus of an
array `raw_...`, which is what is learnt and has this type. `jaxact.nn.decay_mask` keeps weight decay off the parameters
of activations.

Layers with an activation inside (Maxout, ConvMaxout, SwiGLU, GEGLU, ReGLU, Bilinear) take one example; use jax.vmap for
a batch. They compute in the type of x.

Calls. Every module takes `key`, as Equinox's modules do; only RReLU uses it.

Errors. ValueError for sizes below 1, for an initial value that has to be positive and is not (unless it is traced), and
for x whose shape does not match the parameters: nothing is broadcast silently. TypeError for parameters that would not
be floats, for initial values that are not numbers, and for flags that are not bools.
"""

from .._public import report_public_module as _report_public_module
from ._activation import Activation as Activation
from ._apl import APL as APL
from ._decay import decay_mask as decay_mask
from ._dynamic_tanh import DynamicTanh as DynamicTanh
from ._gated import GEGLU as GEGLU
from ._gated import Bilinear as Bilinear
from ._gated import ReGLU as ReGLU
from ._gated import SwiGLU as SwiGLU
from ._maxout import ConvMaxout as ConvMaxout
from ._maxout import Maxout as Maxout
from ._pelu import PELU as PELU
from ._prelu import PReLU as PReLU
from ._rational import Rational as Rational
from ._rrelu import RReLU as RReLU
from ._snake import Snake as Snake
from ._softplus import Softplus as Softplus
from ._srelu import SReLU as SReLU
from ._swish import Swish as Swish
from ._temperature import TemperatureSoftmax as TemperatureSoftmax
from ._xielu import XIELU as XIELU

_report_public_module(globals())
