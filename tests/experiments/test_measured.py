"""What is committed of measurements is small enough to be read, and its pictures are not stale."""

from experiments.core.provenance import MEASURED
from experiments.core.style import description
from experiments.instruments.depth.report import SHOWN
from jaxact import CATALOGUE

PICTURES = sorted(MEASURED.glob("*.png"))


def test_tables_are_few_and_pictures_small() -> None:
    tables = [path for path in MEASURED.iterdir() if path not in PICTURES]
    assert {path.suffix for path in tables} == {".md"}
    assert sum(len(path.read_text("utf-8").splitlines()) for path in tables) < 3000
    assert max(path.stat().st_size for path in PICTURES) < 200_000


def test_pictures_show_what_their_commands_draw() -> None:
    """`python -m experiments gallery` and `depth` write into a picture what it shows."""
    shown = {path.stem: description(path).split(", ") for path in PICTURES}
    assert sorted(shown) == ["activations", "depth"]
    assert sorted(shown["activations"]) == sorted(name for name, facts in CATALOGUE.items() if facts.elementwise)
    assert shown["depth"] == list(SHOWN)
