"""Activation functions for JAX whose values and gradients are right in every float type."""

from . import nn as nn
from ._activation import CATALOGUE as CATALOGUE
from ._activation import Facts as Facts
from ._activation import slope as slope
from ._axiswise import log_softmax as log_softmax
from ._axiswise import maxout as maxout
from ._axiswise import softmax as softmax
from ._exponentials import elu as elu
from ._rectifiers import identity as identity
from ._rectifiers import leaky_relu as leaky_relu
from ._rectifiers import prelu as prelu
from ._rectifiers import relu as relu
from ._rectifiers import relu6 as relu6
from ._rectifiers import step as step
from ._sigmoids import sigmoid as sigmoid
from ._sigmoids import tanh as tanh
