"""The functions of other libraries that are measured beside ours, by our names.

A peer takes x and our array parameters by position, in the order of our signature.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from jaxact import CATALOGUE, PEERS, Peer


def _measured(library: str) -> list[Peer]:
    """The elementwise peers that equal ours at any parameters; torch's prelu takes a tensor only, its silu no beta."""
    rows = [peer for peer in PEERS[library] if CATALOGUE[peer.ours].elementwise and not (peer.at or peer.instead)]
    return [peer for peer in rows if (library, peer.ours) not in (("torch", "prelu"), ("torch", "swish"))]


JAX_NN: dict[str, Callable[..., Any]] = {
    peer.ours: partial(getattr(jax.nn, peer.theirs), **peer.given)
    for peer in _measured("jax.nn")
    if hasattr(jax.nn, peer.theirs)
} | {  # jax.nn has no beta: this is what its users write
    "softplus": lambda x, beta: jax.nn.softplus(beta * x) / beta,
    "swish": lambda x, beta: jax.nn.silu(beta * x) / beta,
}

TORCH: dict[str, tuple[str, dict[str, Any]]] = {peer.ours: (peer.theirs, peer.given) for peer in _measured("torch")}
"""The name in torch.nn.functional, and the keywords with which it equals ours."""
