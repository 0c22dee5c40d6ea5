"""From where on a diagnosis says something."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """From where on `diagnose` says something. Each is an argument of `diagnose`.

    Where no source is named, the value was chosen so that sane initial weights stay far from it.
    """

    slope: float = 1e-3
    """A unit is off, and an element saturated, where the slope is smaller."""
    dead_share: float = 0.5
    """The share of the units of a layer that are dead. At the start up to a third is usual in deep nets."""
    dead_fault: float = 0.9
    """The share of dead units from which on little passes a layer."""
    examples: int = 20
    """Fewer examples (or positions) say nothing about single units."""
    saturated_share: float = 0.5
    """The share of saturated elements: Glorot and Bengio (2010) call layers saturated whose outputs are extreme."""
    saturated_fault: float = 0.95
    gradient_ratio: float = 1e-3
    """Norms of the gradient of the first and of the last layer: so much smaller, or larger by its inverse."""
    gradient_fault: float = 1e-5
    signal_ratio: float = 1e-3
    """Root mean squares of the signal behind the last and the first hidden layer."""
    layer_gain: float = 20.0
    """A layer whose result is larger or smaller than its input by this factor. He et al. (2015) keep it near 1."""
    weight_ratio: float = 4.0
    """The size of the weights over that of He et al. (2015), from where on they are large if the loss is, too."""
    initial_loss: float = 3.0
    """The loss over that of the best constant output; sane initial weights start near 1."""
    input_rms: float = 10.0
    """The root mean square of the inputs: standardised ones have 1, pixels from 0 to 1 at most 1."""
    target_rms: float = 10.0
    """The standard deviation of the targets of a regression."""
    feature_ratio: float = 100.0
    """The largest over the smallest deviation of input features, if the largest is over 3."""
    off_centre: float = 3.0
    """The mean of a layer's outputs over their deviation."""
    linearity: float = 1e-3
    """The share of an activation's variance that is not a linear function of its input."""
    unreachable: float = 0.02
    """The share of targets outside the range of the output."""
    outside: float = 0.02
    """The share of outputs outside of 0 to 1 of which a loss takes the logarithm."""
    constant: float = 1e-3
    """The deviation of the outputs between examples, over their size."""
    attention_entropy: float = 0.02
    """The mean entropy of the rows of an inner softmax, over that of uniform rows."""
    one_hot: float = 0.9
    """The share of rows of a softmax that are one-hot."""
    kept: float = 0.25
    """The share of elements that a dropout keeps. Srivastava et al. (2014) keep 0.5 to 0.8 of hidden units."""
    growth: float = 1.5
    """The last losses over the first."""
    frozen: float = 0.02
    """The relative change of the loss over the steps so far."""
    steps: int = 300
    """Fewer steps say nothing about a loss that stays where it is."""
    large_update: float = 0.1
    """A step's change of a weight over its size: CS231n's rule of thumb is a thousandth."""
    small_update: float = 1e-6
    underflow: float = 0.05
    """The share of gradients that are 0 in a 16-bit type and not in float32."""
    one_sign: float = 0.95
    """The share of a unit's weight gradients that have the same sign. By chance it is about 0.5."""
