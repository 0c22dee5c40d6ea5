"""The explorer shows the right data, and it works in a browser, by mouse, by keyboard and on a phone."""

import base64
import hashlib
import inspect
import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.command_line import main
from experiments.core.claims import answers, checks
from experiments.core.questions import QUESTIONS
from experiments.core.result import Claim, Report, Result, Table
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED, Interval
from experiments.core.style import description, svg
from experiments.instruments.accuracy.ulps import BOUNDS
from experiments.page import curves, explorer, gallery, report, text
from experiments.page import forest as forest_figure
from experiments.page.curves import GRID, explorer_data, function_data
from experiments.page.forest import forest
from jaxact import CATALOGUE

ELEMENTWISE = [name for name, facts in CATALOGUE.items() if facts.elementwise]
FEW = ("relu", "elu", "swish", "sigmoid", "xielu", "tanh", "step")


def _number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace("\u221e", "inf"))


def _starting(known: dict[str, Any]) -> dict[str, Any]:
    """The variant at which all sliders start."""
    index = 0
    for slider in known["sliders"]:
        index = index * len(slider["values"]) + slider["start"]
    return known["variants"][index]


@pytest.mark.parametrize("name", ELEMENTWISE[::5])  # a compilation of seconds each; others test the functions
def test_what_is_shown_agrees_with_what_is_declared(name: str) -> None:
    facts, known = CATALOGUE[name], function_data(CATALOGUE[name])
    start, (f, slope, _) = _starting(known), _starting(known)["curves"]
    assert len(known["variants"]) == np.prod([len(slider["values"]) for slider in known["sliders"]], initial=1)
    if inspect.Parameter.empty not in facts.parameters.values():
        low, high = map(_number, start["range"].split(" to "))
        assert (low, high) == pytest.approx(facts.bounds, rel=2e-4, abs=2e-4)
        if facts.slopes_at_inf:
            ends = dict(zip(("left", "right"), facts.slopes_at_inf, strict=True))
            assert all(ends[side] == 0 for side in start["saturates"].split(" and ") if side != "no")
    step = np.diff(np.array(f, float)) / np.diff(GRID)
    inside = np.array(slope, float)
    between = (step >= np.minimum(inside[:-1], inside[1:]) - 0.05) & (
        step <= np.maximum(inside[:-1], inside[1:]) + 0.05
    )
    assert np.mean(between | ~np.isfinite(step) | (np.abs(step) > 3)) > 0.95, "f' is not the slope of f"
    for dtype, found in known["errors"].items():
        for order, ulps in enumerate(found["jaxact"]):
            assert max(ulps) <= BOUNDS[dtype][order]


@pytest.mark.parametrize(
    ("name", "gain", "mean"), [("relu", sqrt(2), 0.3989), ("identity", 1, 0), ("step", sqrt(2), 0.5)]
)
def test_gain_and_mean_are_those_of_a_normal_input(name: str, gain: float, mean: float) -> None:
    shown = _starting(function_data(CATALOGUE[name]))
    assert _number(shown["gain"]) == pytest.approx(gain, abs=5e-4)
    answer, number = shown["centred"].split(", mean ")
    assert _number(number) == pytest.approx(mean, abs=5e-5)
    assert answer == ("no" if mean else "yes")


def test_dead_zones_are_intervals_of_zeros() -> None:
    slope = np.ones_like(GRID)
    assert curves.dead_zones(slope) == "none"
    slope[GRID <= -1] = 0
    slope[GRID == 2] = 0
    slope[(GRID >= 3) & (GRID <= 4)] = 0
    assert curves.dead_zones(slope) == "x \u2264 \u22121, 3 to 4"
    assert curves.dead_zones(np.zeros_like(GRID)) == "everywhere"


@pytest.fixture(scope="session")
def few() -> Any:
    return explorer_data(lambda fraction, doing: None, FEW)


def test_a_report_without_answers_has_the_explorer_whose_data_are_computed_once(
    few: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []
    monkeypatch.setattr(explorer, "explorer_data", lambda progress: calls.append(1) or few)
    for _ in range(2):
        assert main(["report", "--out", str(tmp_path)]) == 0
    assert len(calls) == 1
    page = (tmp_path / "report.html").read_text("utf-8")
    assert 'id="explorer"' in page
    assert "No question is answered yet." in page
    assert explorer.stored_data(tmp_path) == json.loads(json.dumps(few))
    (tmp_path / "explorer.json").write_text("{")
    assert explorer.stored_data(tmp_path) is None
    capsys.readouterr()


def test_questions_are_listed_and_some_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(QUESTIONS)
    assert all(question.title in line for question, line in zip(QUESTIONS.values(), printed, strict=True))
    for arguments in (["run", "gravity"], ["run"], ["list", "gravity"]):
        assert main(arguments) == 2
        assert "expected" in capsys.readouterr().err


def test_gallery_names_every_activation_it_draws() -> None:
    drawn = gallery.overview({"some": [CATALOGUE[name] for name in FEW * 2]})
    panels = [axes.get_title(loc="left") for axes in drawn.axes if axes.axison]
    assert panels == list(FEW * 2)
    assert svg(drawn).count("<svg") == 1


def test_gallery_draws_all_and_each_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("relu", "gelu_exact", "step")
    monkeypatch.setattr(gallery, "CATALOGUE", {name: CATALOGUE[name] for name in (*few, "softmax")})
    assert main(["gallery", "--out", str(tmp_path / "pictures")]) == 0
    pictures = {path.name: description(path) for path in (tmp_path / "pictures").iterdir()}
    assert pictures == {
        "activations.png": "relu, step, gelu_exact",
        "rectifiers.png": "relu, step",
        "normal_gates.png": "gelu_exact",
    }
    assert capsys.readouterr().out.startswith("3 pictures are in")


ATTACK = "\"><script>attack()</script><img src=x onerror='attack()'>"
SVG_ATTACK = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="attack()"><script>attack()</script></svg>'
)


def _hostile(value: Any) -> Any:
    """Every text, names included, runs a script unless it is escaped."""
    if isinstance(value, dict):
        return {name + ATTACK: _hostile(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hostile(item) for item in value]
    return value + ATTACK if isinstance(value, str) else value


def _hostile_answer() -> tuple[Result, str]:
    table = Table(ATTACK, [ATTACK], [[ATTACK]])
    parts: Any = _hostile(["A1", *["text"] * 6])
    parts[0] = "A1"  # others are not shown
    claim = Claim(*parts, *[Interval(2.0, 1.0, 3.0), "SUPPORTED" + ATTACK, ATTACK, ATTACK])
    facts: Any = _hostile({"a": "b"})
    facts |= {"seconds": 1.0, "device": ATTACK, "command": "`" + ATTACK}
    facts |= {"versions": _hostile({"a": "b"}) | {"python": ATTACK, "jax": ATTACK}}
    found, compared, practice, caption = _hostile([["found"], ["compared"], ["practice"], "caption"])
    words = Report(found, compared, practice, caption, [table], ATTACK)
    name, title, description = _hostile(["name", "title", "words"])
    return Result(name, title, description, _hostile({"a": "b"}), [claim], words, facts, []), SVG_ATTACK


def _hostile_explorer(few: Any) -> Any:
    return few | {"functions": few["functions"] | {ATTACK: _hostile_function(few["functions"]["elu"])}}


def _hostile_function(function: Any) -> Any:
    texts = {name: text + ATTACK for name, text in function.items() if isinstance(text, str)}
    return function | texts | {"paper": "javascript:attack()"}


def test_nothing_of_an_answer_is_markup(few: Any) -> None:
    answer = _hostile_answer()
    page = report.page([answer, answer], explorer.section(_hostile_explorer(few)))
    assert "attack()" in page
    for hidden in ("<script>attack", "<img src=x", SVG_ATTACK):
        assert hidden not in page
    written = text.markdown([answer])
    assert "<script>" not in re.sub("`[^`]*`", "", written)
    for table in written.split("\n\n"):
        assert len({line.count(" | ") for line in table.splitlines() if line.startswith("| ")}) <= 1


def test_the_policy_allows_the_scripts_of_the_page_only(few: Any) -> None:
    def allowed(page: str) -> list[str]:
        (policy,) = re.findall('<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
        directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
        assert (directives["default-src"], directives["img-src"]) == ("'none'", "data:")
        return directives["script-src"].split()

    for page, expected in ((report.page([_hostile_answer()]), 1), (report.page([], explorer.section(few)), 4)):
        scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
        assert len(scripts) == expected
        assert allowed(page) == [f"'sha256-{digest}'" for digest in hashes]


@pytest.fixture(scope="session")
def file(few: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report.page([], explorer.section(few)), "utf-8")
    return path


def _open(browser: Any, file: Path, **settings: Any) -> Any:
    page = browser.new_context(**settings).new_page()
    page.messages, page.requests = [], []
    page.on(
        "console", lambda message: page.messages.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda problem: page.messages.append(str(problem)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("#explorer[data-ready]")
    return page


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    opened = _open(browser, file)
    yield opened
    opened.context.close()


def _curve(page: Any, name: str, chart: int = 0) -> list[float]:
    """What Bokeh draws under that name: y, in the order of x."""
    return page.evaluate(
        "([name, chart]) => [...(Bokeh.documents[chart].roots()[0].renderers.find((line) => line.name === name)"
        "?.data_source.data.y ?? [])]",
        [name, chart],
    )


def _answer(name: str) -> tuple[Result, str]:
    claim = Claim("A1", "Text.", "S1", "digits", "points", "above 0", "points", Interval(2.0, 1.0, 3.0), "SUPPORTED")
    facts: Any = {"fingerprint": "0", "command": "python", "seconds": 1.0, "device": "cpu"}
    facts |= {"versions": {"python": "3.13", "jax": "0.12"}}
    words = Report(["found", "hidden words"], ["compared"], ["practice"], "caption", [], "Do it.")
    return Result(name, name, "Words.", {}, [claim], words, facts, []), SVG_ATTACK


def test_a_link_unfolds_its_question(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(report.page([_answer("collapse"), _answer("noise")]), "utf-8")
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(file.as_uri())
    hidden = page.get_by_text("hidden words")
    assert [hidden.nth(index).is_visible() for index in range(2)] == [False, False]
    link, summary = page.get_by_role("link", name="noise", exact=True), page.locator("summary", has_text="noise")
    for _ in range(2):  # also where the address has its name already
        link.click()
        assert [hidden.nth(index).is_visible() for index in range(2)] == [False, True]
        assert summary.evaluate("summary => summary === document.activeElement")
        assert summary.is_visible()
        page.keyboard.press("Enter")
        assert not hidden.nth(1).is_visible()
    link.click()
    page.locator("summary", has_text="collapse").focus()
    page.keyboard.press("Enter")
    assert hidden.nth(0).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{file.as_uri()}#collapse")
    page.reload()
    assert [hidden.nth(index).is_visible() for index in range(2)] == [True, False]
    page.context.close()


def test_headings_have_no_gaps_and_figures_have_names(few: Any) -> None:
    page = report.page([_answer("collapse")], explorer.section(few))
    page = re.sub("<script>.*?</script>", "", page, flags=re.DOTALL)
    levels = [int(level) for level in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert all(re.search('(alt|aria-label)="[^"]+"', tag) for tag in re.findall("<(?:img|svg)[^>]*>", page))


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ([SUPPORTED], "true"),
        ([SUPPORTED, INCONCLUSIVE], "true"),
        ([SUPPORTED, INCONCLUSIVE, INCONCLUSIVE], "open"),
        ([REFUTED, INCONCLUSIVE], "false"),
        ([INCONCLUSIVE, SUPPORTED], "open"),
        ([REFUTED, INCONCLUSIVE, SUPPORTED], "depends"),
    ],
)
def test_a_claim_has_one_answer(verdicts: list[str], word: str) -> None:
    result, _ = _answer("collapse")
    rows = [replace(result.claims[0], verdict=verdict) for verdict in verdicts]
    check = replace(result.claims[0], verdict=REFUTED, kind="check")
    results = [replace(result, claims=[*rows, check])]
    (answer,) = answers(results)
    assert (answer.word, answer.verdicts, checks(results)) == (word, rows, [check])


def test_the_verdict_of_the_question_that_is_named_stands_for_the_claim() -> None:
    results = [
        replace(result, claims=[replace(result.claims[0], id="B9", scope=result.name)])
        for result, _ in map(_answer, ("aaa", "convergence"))
    ]
    (answer,) = answers(results)
    assert (answer.first.scope, answer.questions) == ("convergence", ["convergence", "aaa"])


@pytest.mark.parametrize(
    ("unit", "interval", "shown"),
    [
        ("x", Interval(math.inf, 3.0, math.inf), "at least 3.00x"),
        ("steps", Interval(math.inf, 300.0, math.inf), "at least 300 steps"),
        ("x", Interval(math.inf, math.inf, math.inf), "never"),
        ("x", Interval(2.0, 1.5, math.inf), "2.00x [1.50, \N{INFINITY}]"),
        ("points", Interval(math.nan, -math.inf, math.inf), "not measurable [-\N{INFINITY}, \N{INFINITY}]"),
        ("%", Interval(5.0, 5.0, 5.0), "5.0 %"),
    ],
)
def test_values_are_shown_with_their_interval_or_bound(unit: str, interval: Interval, shown: str) -> None:
    assert replace(_answer("collapse")[0].claims[0], unit=unit, interval=interval).value_text == shown


def _drawn(unit: str, *intervals: Interval) -> list[float]:
    claim = replace(_answer("collapse")[0].claims[0], unit=unit)
    picture = forest([replace(claim, interval=interval) for interval in intervals])
    return [float(x) for x in re.findall(r'cx="([\d.]+)"', picture)]


def test_a_forest_places_ratios_by_their_logarithm_and_infinite_ends_at_the_edge() -> None:
    left, middle, right = _drawn("x", Interval(0.5, 0.5, 0.6), Interval(1.0, 1.0, 1.0), Interval(2.0, 2.0, math.inf))
    assert (left, right) == (forest_figure.DOT, forest_figure.WIDTH - forest_figure.DOT)
    assert middle == pytest.approx((left + right) / 2)
    assert _drawn("points", Interval(math.nan, -math.inf, math.inf), Interval(math.inf, 1.0, math.inf)) == []
    assert _drawn("points", Interval(5.0, 0.0, 5.0)) == [right]
    assert _drawn("points", Interval(5.0, 5.0, 5.0)) == []


def test_the_page_loads_without_messages_and_without_the_network(page: Any, file: Path) -> None:
    page.wait_for_timeout(500)
    assert page.messages == []
    assert page.requests == [file.as_uri()]
    assert len(file.read_bytes()) < 8e6


def test_no_script_of_an_answer_runs(browser: Any, few: Any, tmp_path: Path) -> None:
    planted = (
        "<script>attack()</script><b onclick='attack()' id=planted>click</b><a href='javascript:attack()' id=link>a</a>"
    )
    page = report.page([_hostile_answer()], explorer.section(_hostile_explorer(few)))
    unescaped = page.replace("</body>", f"{planted}</body>")
    for name, content, attacks in (("hostile", page, 0), ("unescaped", unescaped, 1)):
        file = tmp_path / f"{name}.html"
        file.write_text(content, "utf-8")
        opened = browser.new_context().new_page()
        calls: list[int] = []
        messages: list[str] = []
        opened.expose_function("attack", lambda calls=calls: calls.append(1))
        opened.on("console", lambda message, messages=messages: messages.append(message.text))
        opened.goto(file.as_uri())
        opened.wait_for_selector("#explorer[data-ready]")
        if attacks:
            opened.locator("#planted").click()
            opened.locator("#link").click()
        opened.wait_for_timeout(300)
        assert calls == []
        assert bool([text for text in messages if "Content Security Policy" in text]) == bool(attacks)
        size = opened.locator("figure .plot img").evaluate("image => [image.naturalWidth, image.alt.length > 0]")
        assert size == [9, True]
        opened.context.close()


def test_a_click_shows_a_curve_and_another_hides_it(page: Any) -> None:
    chip, chart = page.locator("input[value=sigmoid]"), page.locator("#chart-f")
    before = chart.screenshot()
    assert _curve(page, "sigmoid") == []
    chip.click()
    middle = len(GRID) // 2
    assert _curve(page, "sigmoid")[middle] == 0.5
    assert _curve(page, "sigmoid", 1)[middle] == 0.25
    assert page.locator(".card h3").all_text_contents() == [*explorer.FIRST, "sigmoid"]
    page.wait_for_timeout(300)
    assert chart.screenshot() != before
    chip.click()
    assert _curve(page, "sigmoid") == []
    assert page.messages == []


def test_a_slider_moves_curves_and_facts_by_keyboard(page: Any) -> None:
    slider = page.get_by_label("alpha of elu")
    assert _curve(page, "elu")[0] == pytest.approx(-1, abs=1e-3)
    slider.focus()
    page.keyboard.press("End")
    assert _curve(page, "elu")[0] == pytest.approx(-2, abs=2e-3)
    assert slider.get_attribute("aria-valuetext") == "2"
    assert "\u22122 to \u221e" in page.locator(".card", has_text="elu(x, alpha)").inner_text()


def test_errors_change_with_type_and_order(page: Any) -> None:
    single = _curve(page, "elu, jax.nn", 3)
    page.locator("input[value=bfloat16]").check()
    half = _curve(page, "elu, jax.nn", 3)
    assert single != half
    assert max(_curve(page, "elu, jaxact", 3)) <= 0.51
    page.locator("input[name=order][value='0']").check()
    assert _curve(page, "elu, jax.nn", 3) != half


def test_a_seventh_activation_takes_the_place_of_the_first(page: Any) -> None:
    first, *others = [*explorer.FIRST, *(name for name in FEW if name not in explorer.FIRST)]
    assert len(others) == explorer.SLOTS
    for name in others:
        page.locator(f"input[value={name}]").check()
    assert page.locator(".card h3").all_text_contents() == others
    assert not page.locator(f"input[value={first}]").is_checked()
    assert f"{first} made room for {others[-1]}" in page.locator("#status").inner_text()
    page.locator("#clear").click()
    assert page.locator(".card").count() == page.locator("#sliders label").count() == 0


def test_search_shows_what_matches(page: Any) -> None:
    page.locator("#find").fill("elu")
    shown = page.locator(".families .chip:visible").all_text_contents()
    assert shown == [name for name in ELEMENTWISE if name in FEW and "elu" in name]


def test_the_keyboard_reaches_every_control(page: Any) -> None:
    page.locator("#find").focus()
    reached = []
    while len(reached) < 40:
        page.keyboard.press("Tab")
        control = page.evaluate("(({name, type, value}) => [name, type, value])(document.activeElement)")
        if control[2] == "sigmoid" and control not in reached:
            page.keyboard.press("Space")
        reached.append(control)
    assert {value for name, _, value in reached if name == "function"} == set(FEW)
    assert {"range", "radio", "button"} <= {kind for _, kind, _ in reached}
    assert len(_curve(page, "sigmoid")) == len(GRID)


def test_a_phone_needs_no_sideways_scrolling(browser: Any, file: Path) -> None:
    page = _open(browser, file, viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator("input[value=xielu]").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.locator(".chip:visible").evaluate_all("(chips) => chips.map((chip) => chip.offsetHeight)")
    assert min(sizes) >= 24  # WCAG 2.2, target size
    page.context.close()


def test_dark_and_print_have_their_own_colours(browser: Any, file: Path) -> None:
    page = _open(browser, file, color_scheme="dark")

    def brightness(part: str) -> float:
        color = page.evaluate("(part) => getComputedStyle(document.body)[part]", part)
        return sum(map(int, re.findall(r"\d+", color)[:3])) / 3

    assert brightness("backgroundColor") < 50 < 200 < brightness("color")
    page.emulate_media(media="print", color_scheme="dark")
    assert brightness("color") < 50
    assert not page.locator(".families").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.context.close()
