"""A diagnosis as a page is complete, loads nothing, runs nothing, and fits screens of any width."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from diagnoses import faulty, finding, healthy, row

from jaxact.probe import Diagnosis

pytestmark = pytest.mark.slow

HOSTILE = "<script>attack()</script><b onclick='attack()'>\"&amp;$summary"
VOID = {"meta", "wbr", "rect"}


class Tags(HTMLParser):
    """All tags with their attributes, all text, and whether each tag that opens is closed."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def bars(page: str, title: str) -> list[dict[str, float]]:
    """The rectangles of the figure with this title."""
    (body,) = re.findall(rf"<title>{re.escape(title)}</title>(.*?)</svg>", page)
    return [
        {"x": float(x), "width": float(width)} for x, width in re.findall(r'class="\w+" x="(.*?)" width="(.*?)"', body)
    ]


@pytest.mark.parametrize("diagnosis", [faulty(), healthy(), Diagnosis((), (), 1.0, 4)])
def test_every_tag_is_closed_and_nothing_is_loaded_or_run(diagnosis: Diagnosis) -> None:
    page = Tags(diagnosis.html())
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not re.search(r"https?:|url\(|@import", diagnosis.html())
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert all((link["href"] or "").startswith("#") for link in page.all("a"))


def test_all_that_was_found_is_there_the_worst_first() -> None:
    page = faulty().html()
    text = " ".join(Tags(page).texts)
    assert text.index("2 faults, 2 warnings and 1 hint were found") < text.index("Evidence")
    for found in faulty().findings:
        assert all(sentence in text for sentence in (found.evidence, found.cause, found.remedy))
    cards = re.findall(r'<article class="card (\w+)"', page)
    assert cards == ["fault", "fault", "warning", "warning", "hint"]
    assert page.index("</section>") < page.index("<table")
    assert "diagnosis.findings[0].apply(model, key)" in text
    assert ", ".join(map(str, faulty().findings[0].units)) in text
    assert all(name in text for name in ("-9.8", "while with tanh, model.py:88", "Thresholds"))


def test_sites_are_rows_in_their_order_with_links_to_and_from_their_findings() -> None:
    page = faulty().html()
    names = [
        re.sub("<.*?>", "", name) for name in re.findall(r'<th scope="row" role="rowheader">(.*?)(?: <a|<small)', page)
    ]
    assert names == [row.site for row in faulty().rows]
    targets = {attributes["id"] for _, attributes in Tags(page).tags if "id" in attributes}
    links = [link["href"] for link in Tags(page).all("a")]
    assert len(links) == 8  # four findings at a site, and back
    assert {(link or "#")[1:] for link in links} <= targets


def test_bars_have_the_lengths_of_their_numbers() -> None:
    page = replace(
        healthy(),
        rows=(
            row("a", share_saturated=0.25, mean=-0.5, rms=1.0, gradient_rms=1e-6, never_on=(0, 63)),
            row("b", share_saturated=0.75, share_zero=0.1, mean=0.2, rms=0.4, gradient_rms=1e-2),
        ),
    ).html()
    assert bars(page, "25 %") == [{"x": 0, "width": 25}]
    assert bars(page, "75 %") == [{"x": 0, "width": 75}]
    assert bars(page, "the mean is -0.5 times the root mean square")[0] == {"x": 25, "width": 25}
    assert bars(page, "the mean is 0.5 times the root mean square")[0] == {"x": 50, "width": 25}
    assert [bar["x"] for bar in bars(page, "2 of 64 units never on")] == [0, pytest.approx(98.44)]
    assert bars(page, "1.0e-06 on a scale from 1e-6 to 1e-2")[-1]["x"] == 0
    assert bars(page, "1.0e-02 on a scale from 1e-6 to 1e-2")[-1]["x"] == 97


def test_many_units_share_stripes() -> None:
    page = replace(healthy(), rows=(row("a", units=4096, never_on=tuple(range(64))),)).html()
    assert bars(page, "64 of 4,096 units never on") == [{"x": 0, "width": 0.78}, {"x": 0.78, "width": 0.78}]


def test_numbers_that_are_not_finite_have_no_bar() -> None:
    nan = float("nan")
    broken = row("a", mean=nan, rms=nan, gradient_rms=nan, share_zero=nan, not_finite=7)
    page = replace(healthy(), rows=(broken,), loss=nan).html()
    assert "7 elements NaN or infinite" in page
    assert len(re.findall("<svg", page)) == 2  # saturated and never on
    assert "on a scale from" not in page


def test_text_from_outside_is_escaped() -> None:
    hostile = row(HOSTILE, layer=HOSTILE, dtype=HOSTILE, source=HOSTILE)
    found = finding("fault", HOSTILE, HOSTILE, evidence=HOSTILE, cause=HOSTILE, remedy=HOSTILE, numbers={HOSTILE: 1.0})
    page = replace(
        healthy(), rows=(hostile,), findings=(found,), not_entered=(HOSTILE,), thresholds={HOSTILE: 1}
    ).html()
    tags = Tags(page)
    assert tags.open == []
    assert not {"script", "b"} & {tag for tag, _ in tags.tags}
    assert not any("onclick" in attributes for _, attributes in tags.tags)
    assert "$summary" in page


def test_figures_and_tables_are_accessible() -> None:
    page = faulty().html()
    tags = Tags(page)
    assert tags.all("html") == [{"lang": "en"}]
    assert len(tags.all("h1")) == 1
    assert all(svg["role"] == "img" for svg in tags.all("svg"))
    assert len(re.findall("<svg", page)) == len(re.findall(r"<svg [^>]*><title>[^<]+</title>", page)) > 20
    assert all(head["scope"] in ("col", "row") for head in tags.all("th"))
    assert all(cell["role"] == "cell" and cell["data-label"] for cell in tags.all("td"))


def contrast(a: str, b: str) -> float:
    """The contrast of two colours by WCAG 2."""

    def luminance(color: str) -> float:
        digits = color if len(color) == 6 else "".join(2 * c for c in color)
        channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_contrast(scheme: int) -> None:
    colors = dict(
        re.findall(r"--([a-z-]+):#([0-9a-f]{3,6})", re.findall(r":root\{(.*?)\}", faulty().html(), re.DOTALL)[scheme])
    )
    for text in ("ink", "soft", "link", "good", "fault", "warning", "hint"):
        assert contrast(colors[text], colors["paper"]) >= 4.5
        assert contrast(colors[text], colors["card"]) >= 4.5
    for level in ("fault", "warning", "hint"):
        assert contrast(colors[level], colors[f"{level}-bg"]) >= 4.5
    for mark in ("bar", "off"):
        assert contrast(colors[mark], colors["track"]) >= 3


def test_save_writes_the_page(tmp_path: Path) -> None:
    faulty().save(tmp_path / "page.html")
    faulty().save(str(tmp_path / "again.html"))
    assert (
        (tmp_path / "page.html").read_text("utf-8") == faulty().html() == (tmp_path / "again.html").read_text("utf-8")
    )


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_fits_the_screen_without_messages_and_without_the_network(
    browser: Any, tmp_path: Path, width: int
) -> None:
    long = "Net/" + "a_very_long_name_of_a_layer/" * 6 + "relu"
    diagnosis = replace(
        faulty(), rows=(*faulty().rows, row(long)), findings=(*faulty().findings, finding("hint", "x", long))
    )
    diagnosis.save(tmp_path / "page.html")
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert messages == []
    assert requests == [(tmp_path / "page.html").as_uri()]
    label = page.locator("tbody td").first.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert label == ('"Saturated"' if width == 390 else "none")
    assert page.get_by_role("cell").count() == 6 * 6 - 7 * (width == 390)  # empty ones are left out on a phone
    page.context.close()
