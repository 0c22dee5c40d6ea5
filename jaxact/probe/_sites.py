"""The activation sites of a function, with what was recorded at each."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

import jax
import numpy as np

from ._statistics import STATIC, Statistics, merge_axis, record_class


@record_class
class Site(Statistics):
    """An activation in a program, and the statistics recorded there.

    The statistics have a leading axis for the steps of each `lax.scan` around the site, and one for the devices of a
    `jax.shard_map`; `merged` sums over them.
    """

    name: str = field(metadata=STATIC)
    """The names of the layers that contain it, and the activation; with a number if there are several."""
    activation: str = field(metadata=STATIC)
    dtype: str = field(metadata=STATIC)
    source: str = field(metadata=STATIC)
    """The file and the line that call it."""

    @property
    def merged(self) -> "Site":
        """The statistics of all steps and devices together."""
        site = self
        for _ in range(np.ndim(self.moments_and_units) - 1):
            site = merge_axis(site)
        return site


@jax.tree_util.register_pytree_with_keys_class
class Sites(Mapping[str, Site]):
    """The activation sites of a function by name, in the order of the program. A pytree."""

    def __init__(self, sites: dict[str, Site], not_entered: tuple[str, ...] = ()):
        self._sites = sites
        self.not_entered = not_entered
        """The loops and kernels that were not looked into, with the activations in them."""

    def __getitem__(self, name: str) -> Site:
        if name not in self._sites:
            raise KeyError(f"no site is called {name!r}; there are {', '.join(self._sites) or 'none'}")
        return self._sites[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sites)

    def __len__(self) -> int:
        return len(self._sites)

    def __repr__(self) -> str:
        lines = [
            f"{name}: {site.activation}, {site.dtype}{list(site.shape)}, {site.source}" for name, site in self.items()
        ]
        return "\n".join([*lines, *(f"not looked into: {what}" for what in self.not_entered)]) or "no sites"

    @property
    def merged(self) -> "Sites":
        """The statistics of all steps and devices together."""
        return Sites({name: site.merged for name, site in self.items()}, self.not_entered)

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        keys = [(jax.tree_util.DictKey(name), site) for name, site in self._sites.items()]
        return keys, (tuple(self._sites), self.not_entered)

    @classmethod
    def tree_unflatten(cls, names: Any, sites: Any) -> "Sites":
        names, not_entered = names
        return cls(dict(zip(names, sites, strict=True)), not_entered)
