"""Activation functions for JAX whose values and gradients are right in every float type.

The docstring of a function says what is special to it. What all functions share is said here. The first line of a
docstring is the formula; x is the first array of the signature, also where it is called a or logits.

Types. x is a JAX or NumPy array or a number. The result has the float type of x; integers and bools become JAX's
default float, but integers stay what they are in identity, relu, relu6 and hard_tanh, which need no float, and in class
labels. A Python number gives a weakly typed result. A mask, a gate or factors may be a list. Complex numbers are taken
by sigmoid, tanh, softplus, silu, log_sigmoid and softmax, with JAX's derivatives. A parameter never widens x: elu(x,
alpha) is bfloat16 for a bfloat16 x and a float32 alpha, and the gradient of alpha is summed in float32. Floats of 8 and
16 bits are computed in float32 and rounded once, values and gradients alike.

Parameters. Each parameter that is annotated as an array can be differentiated. With an elementwise function it
broadcasts to x; with a function over an axis it is a single number or has as many axes as x. A parameter that has to be
positive is checked if it is a Python number: it is an error if it is 0 in the type of the computation. So is an
infinite number for which the function has no limit, such as elu's alpha. Elsewhere, as for temperature and cap, an
infinite factor counts as a very large number. An array of other numbers gives NaN or a meaningless result. All other
parameters, such as axis, are constants under jit.

Axes and masks. A function over an axis treats each row by itself: the elements along `axis`, an int, or a tuple of
ints or None (all axes) if the signature has it. `where` is an array of bools that broadcasts to x. Elements where it is
False are masked: they have no influence and no gradient, even if they are NaN. In softmax and its relatives, logsumexp
and the losses, an element of -inf is masked too. A row is empty if all of it is masked: its probabilities and losses
are 0, its logarithms -inf, its gradients 0. NaN makes only its own row NaN.

Infinities and NaN. At infinity an elementwise function and its slope have their limits, or NaN where there is none, as
for sine. NaN gives NaN. Finite numbers do not, within the domain of the function.

Kinks. Where the slope jumps, it is one of the two one-sided slopes; the docstring says which.

Derivatives. Forward and reverse mode of any order; first and second derivatives are tested as values are. `slope(f)` is
the derivative as a function with the same parameters, `jet` computes higher derivatives along a curve.

Memory. For the backward pass an elementwise function stores at most one array: its output, which the next layer stores
anyway, if that determines the slope (relu and other piecewise-linear functions, exponential; softplus, log_sigmoid and
squareplus in float32); one byte per element for other piecewise-linear functions; else the slope, or x if a parameter
is differentiated too. A function over an axis stores its input or its output.

Errors. TypeError for arguments that are not arrays of real numbers, not bools for flags such as keepdims, not ints or
floats for constants such as axis, or not in the signature; ValueError for an axis, a shape or a number that does not
fit. The message says what was called, with what, and what was expected.

`CATALOGUE` has the facts of each function (bounds, kinks, paper). `get` finds a function by its name here or in another
library, and `config` is its inverse. What else jax.nn has, such as `one_hot`, is passed through, so that
`import jaxact as nn` is enough. `jaxact.nn` has Equinox modules that learn, `jaxact.init` initial
weights, `jaxact.probe` a microscope.
"""

import importlib as _importlib
import typing as _typing

import jax.nn as _jax_nn

# The order of imports is that of the CATALOGUE. Importing _axiswise imports the rectifiers, which come first.
from ._axiswise import crelu as crelu
from ._axiswise import maxout as maxout

# isort: split
from ._algebraic import arctan as arctan
from ._algebraic import isrlu as isrlu
from ._algebraic import isru as isru
from ._algebraic import soft_sign as soft_sign
from ._exponentials import celu as celu
from ._exponentials import elu as elu
from ._exponentials import exponential as exponential
from ._exponentials import selu as selu
from ._exponentials import xielu as xielu
from ._facts import CATALOGUE as CATALOGUE
from ._facts import Facts as Facts
from ._gated_linear import bilinear as bilinear
from ._gated_linear import geglu as geglu
from ._gated_linear import glu as glu
from ._gated_linear import reglu as reglu
from ._gated_linear import swiglu as swiglu
from ._gates import elish as elish
from ._gates import gelu as gelu
from ._gates import gelu_tanh as gelu_tanh
from ._gates import quick_gelu as quick_gelu
from ._gates import silu as silu
from ._gates import swish as swish
from ._jet import jet as jet
from ._logsumexps import logmeanexp as logmeanexp
from ._logsumexps import logsumexp as logsumexp
from ._losses import binary_cross_entropy_from_logits as binary_cross_entropy_from_logits
from ._losses import cross_entropy_from_logits as cross_entropy_from_logits
from ._losses import entropy_from_logits as entropy_from_logits
from ._losses import kl_from_logits as kl_from_logits
from ._names import PEERS as PEERS
from ._names import Peer as Peer
from ._names import config as config
from ._names import get as get
from ._normal_gates import gelu_exact as gelu_exact
from ._normal_gates import laplace as laplace
from ._normal_gates import phish as phish
from ._normal_gates import serf as serf
from ._public import report_public_module as _report_public_module
from ._quadratics import hard_silu as hard_silu
from ._quadratics import hard_swish as hard_swish
from ._quadratics import relu_squared as relu_squared
from ._quadratics import smelu as smelu
from ._quadratics import sparse_plus as sparse_plus
from ._quadratics import star_relu as star_relu
from ._rectifiers import hard_sigmoid as hard_sigmoid
from ._rectifiers import hard_tanh as hard_tanh
from ._rectifiers import identity as identity
from ._rectifiers import leaky_relu as leaky_relu
from ._rectifiers import prelu as prelu
from ._rectifiers import relu as relu
from ._rectifiers import relu6 as relu6
from ._rectifiers import rrelu as rrelu
from ._rectifiers import sparse_sigmoid as sparse_sigmoid
from ._rectifiers import step as step
from ._rectifiers import threshold as threshold
from ._rectifiers import trelu as trelu
from ._shrinks import hard_shrink as hard_shrink
from ._shrinks import soft_shrink as soft_shrink
from ._shrinks import tanh_shrink as tanh_shrink
from ._sigmoids import erf as erf
from ._sigmoids import gompertz as gompertz
from ._sigmoids import sigmoid as sigmoid
from ._sigmoids import softcap as softcap
from ._sigmoids import tanh as tanh
from ._slope import slope as slope
from ._softmaxes import gumbel_softmax as gumbel_softmax
from ._softmaxes import log_softmax as log_softmax
from ._softmaxes import softmax as softmax
from ._softmaxes import softmax1 as softmax1
from ._softmaxes import softmin as softmin
from ._softplus import log1mexp as log1mexp
from ._softplus import log_sigmoid as log_sigmoid
from ._softplus import logcosh as logcosh
from ._softplus import softplus as softplus
from ._softplus import squareplus as squareplus
from ._sparse import entmax as entmax
from ._sparse import entmax15 as entmax15
from ._sparse import sparsemax as sparsemax
from ._tanh_gates import lisht as lisht
from ._tanh_gates import logish as logish
from ._tanh_gates import mish as mish
from ._tanh_gates import telu as telu
from ._waves import gaussian as gaussian
from ._waves import sinc as sinc
from ._waves import sine as sine
from ._waves import snake as snake

__version__ = "0.1.0"

_report_public_module(globals())

if _typing.TYPE_CHECKING:
    from jax.nn import dot_product_attention as dot_product_attention
    from jax.nn import initializers as initializers
    from jax.nn import one_hot as one_hot
    from jax.nn import scaled_dot_general as scaled_dot_general
    from jax.nn import scaled_matmul as scaled_matmul
    from jax.nn import standardize as standardize

    from . import init as init
    from . import nn as nn
    from . import probe as probe
else:  # the packages are imported on first use: together they take longer to import than all functions

    def __getattr__(name):
        if name in ("init", "nn", "probe"):
            return _importlib.import_module(f".{name}", __name__)
        if name in __dir__():  # what else jax.nn has, such as one_hot
            return getattr(_jax_nn, name)
        raise AttributeError(f"module 'jaxact' has no attribute {name!r}")

    def __dir__():
        of_jax_nn = (name for name in dir(_jax_nn) if not name.startswith("_"))
        return sorted({*globals(), "init", "nn", "probe", *of_jax_nn})
