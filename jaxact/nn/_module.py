"""The base class of all modules: they pickle by the names that users import, and not by those of private files."""

import copyreg

import equinox as eqx

from .._public import ByPublicName, reduce_class


class _ByPublicName(ByPublicName, type(eqx.Module)):
    """The metaclass of the modules."""


copyreg.pickle(_ByPublicName, reduce_class)


class Module(eqx.Module, metaclass=_ByPublicName):
    """A module of jaxact.nn."""
