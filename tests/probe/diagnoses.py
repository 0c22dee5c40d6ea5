"""Diagnoses made by hand."""

from dataclasses import replace
from typing import Any

from jaxact.probe._diagnosis import Diagnosis, Finding, Row


def row(site: str, **different: Any) -> Row:
    usual = Row(
        site=site,
        layer="",
        activation=site.rsplit("/")[-1].partition("[")[0],
        shape=(256, 64),
        dtype="float32",
        source="train.py:12",
        mean=0.41,
        rms=0.83,
        low=0.0,
        high=3.2,
        share_zero=0.48,
        share_saturated=0.48,
        units=64,
        never_on=(),
        not_finite=0,
        gradient_rms=3.1e-4,
        local_gain=0.71,
    )
    return replace(usual, **different)


def finding(level: str, kind: str, where: str, **different: Any) -> Finding:
    usual = Finding(kind, level, where, f"The evidence of {kind}.", f"The cause of {kind}.", f"The remedy of {kind}.")
    return replace(usual, **different)


def faulty() -> Diagnosis:
    """A net with dead units, a vanishing gradient, an attention that has collapsed and an input of raw scale."""
    dead = tuple(range(3, 64, 2))
    rows = (
        row("Net/embed/tanh", layer="embed", share_zero=0, share_saturated=0.97, mean=-0.02, rms=0.98, low=-1, high=1,
            gradient_rms=2.4e-9, local_gain=0.011),
        row("Net/layers[0]/relu", layer="layers[0]", never_on=dead, share_zero=0.74, share_saturated=0.74,
            gradient_rms=3.2e-7),
        row("Net/attention/softmax", activation="softmax", shape=(256, 8, 32, 32), share_zero=0.002, share_saturated=0,
            units=0, mean=0.03125, rms=0.17, high=1, entropy=0.02, gradient_rms=5.5e-6),
        row("Net/layers[1]/gelu", layer="layers[1]", shape=(256, 1024), dtype="bfloat16", units=1024,
            never_on=(7, 500, 501, 502), share_zero=0, share_saturated=0.03, mean=0.28, rms=0.6, gradient_rms=4e-5),
        row("Net/head/sigmoid", layer="head", shape=(256, 1), units=1, share_zero=0, share_saturated=0.004, mean=0.52,
            rms=0.53, high=1, gradient_rms=2.2e-3),
    )  # fmt: skip
    findings = (
        finding("fault", "dead_units", "layers[0]", units=dead, repair=lambda model, key: model,
                evidence="31 of 64 units are on for no example, and get no gradient.",
                cause="Their biases lie around -9.8, below all that the weights can add.",
                remedy="finding.apply draws their weights anew and sets their biases to 0.",
                numbers={"share": 0.484, "bias": -9.8}),
        finding("fault", "saturated", "Net/embed/tanh",
                evidence="97 % of the elements have a slope below 0.001.",
                cause="The inputs have a standard deviation of 127, where tanh is flat beyond 4.",
                remedy="Divide the inputs by their standard deviation.", numbers={"share": 0.97, "input_std": 127}),
        finding("warning", "attention_collapsed", "Net/attention/softmax",
                evidence="The mean entropy of the rows is 0.02 of that of uniform rows.",
                cause="The logits have a range of 240.", remedy="Divide them by the root of the width of the keys."),
        finding("warning", "raw_inputs", "input", evidence="The inputs lie between 0 and 255.",
                cause="Nothing scales them.", remedy="Subtract their mean and divide by their standard deviation."),
        finding("hint", "off_centre", "Net/layers[1]/gelu", evidence="The mean is 0.47 of the root mean square.",
                cause="gelu is seldom negative.", remedy="None is needed; measured, it brings nothing."),
    )  # fmt: skip
    return Diagnosis(rows, findings, 2.3026, 256, ("while with tanh, model.py:88",), {"dead": 0.1, "saturated": 0.9})


def healthy() -> Diagnosis:
    return Diagnosis((row("Net/relu[0]"), row("Net/relu[1]")), (), 0.031, 1)
