"""Answers are complete, stored and reused, wrong settings are refused, and training and verdicts follow their rules."""

import dataclasses
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import unfolded_words
from rich.console import Console
from sklearn.linear_model import LogisticRegression

from experiments.command_line import main
from experiments.core import markdown
from experiments.core.claims import CLAIMS
from experiments.core.data import Split, digits
from experiments.core.questions import QUESTIONS
from experiments.core.result import load, write
from experiments.core.statistics import INCONCLUSIVE, REFUTED, SUPPORTED
from experiments.core.training import Grid, Recipe, forward, initial_state, losses, score, train
from experiments.core.tuning import tune
from experiments.core.units import unit_state
from experiments.page import text

ROOT = Path(__file__).parents[2]
TINY = [
    "collapse",
    "--depths",
    "2",
    "--width",
    "8",
    "--seeds",
    "2",
    "--tuning-seeds",
    "1",
    "--epochs",
    "1",
    "--rates",
    "3",
    "--windows",
    "1",
    "--stacks",
    "1",
    "--xor-seeds",
    "2",
    "--xor-steps",
    "10",
]


@pytest.fixture(autouse=True)
def _standard_promotion() -> Iterator[None]:
    """Optax's Adam raises a float to an integer power, which strict promotion refuses."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Compilations are shared between the runs of this file and with nothing else."""
    variables = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    compilations = tmp_path_factory.mktemp("compilations")
    variables |= {"JAX_COMPILATION_CACHE_DIR": str(compilations), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    return variables | {"PYTHONWARNINGS": "error"}


@pytest.fixture(scope="module")
def answered(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the answers to all questions, on the smallest settings."""
    out = tmp_path_factory.mktemp("all") / "nested" / "answers"
    command = [sys.executable, "-m", "experiments", "--smallest", "--out", str(out)]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("finished in") == len(QUESTIONS)
    assert "INFO" not in process.stderr  # the log is a file
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_is_complete(name: str, answered: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    stored = json.loads((answered / f"{name}.json").read_text("utf-8"), parse_constant=refuse)
    assert stored["config"] == json.loads(json.dumps(dataclasses.asdict(QUESTIONS[name].smallest())))
    assert stored["runs"]
    assert stored["claims"]
    for claim in stored["claims"]:
        assert claim["verdict"] in (SUPPORTED, REFUTED, INCONCLUSIVE)
        assert all(claim[part] for part in ("id", "text", "source", "scope", "measure", "rule"))
        assert len(claim["interval"]) == 3
    assert {"python", "jax", "jaxlib", "equinox", "optax", "jaxact", "numpy"} <= set(stored["provenance"]["versions"])
    assert stored["provenance"]["seconds"] > 0
    assert stored["provenance"]["device"]
    assert stored["provenance"]["command"].startswith(f"python -m experiments {name} --")
    assert (answered / f"{name}.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name, question in QUESTIONS.items() if hasattr(question.smallest(), "seeds")]
)
def test_every_seed_is_in_the_answer(name: str, answered: Path) -> None:
    config = QUESTIONS[name].smallest()
    stored = load(name, answered)
    assert stored is not None
    fresh: dict[str | None, set[int]] = {}
    for run in stored[0].runs:
        if run.get("seed", 0) >= 1000:
            fresh.setdefault(run.get("part"), set()).add(run["seed"])
    assert config.seeds in map(len, fresh.values())  # some parts of a question have a number of their own


@pytest.mark.slow
def test_the_command_of_an_answer_repeats_it(answered: Path) -> None:
    stored = load("collapse", answered)
    assert stored is not None
    words = stored[0].provenance["command"].split()
    assert words[:4] == ["python", "-m", "experiments", "collapse"]
    assert {"--epochs", "--xor-steps"} <= set(words)


@pytest.mark.slow
def test_the_report_names_every_claim_and_loads_nothing(answered: Path) -> None:
    page = (answered / "report.html").read_text("utf-8")
    for name in QUESTIONS:
        stored = load(name, answered)
        assert stored is not None
        for claim in stored[0].claims:
            assert claim.id in CLAIMS
            shown = [claim.text, claim.scope, claim.rule] + [CLAIMS[claim.id]] * (claim.kind != "check")
            assert all(html.escape(part) in page for part in shown)
        assert html.escape(stored[0].provenance["command"]) in page
    assert page.count('src="data:image/svg+xml;base64,') == len(QUESTIONS)
    loading = r"<script[^>]*src|<link|<svg(?! class=.forest)|<iframe|@import"
    loading += r"|(?:src|href)\s*=\s*[\"']?(?!#|data:)[\w/.]|url\((?![\"']?#)"
    assert not re.findall(loading, page)


@pytest.mark.slow
def test_the_markdown_tables_are_whole_whatever_a_claim_says(answered: Path) -> None:
    report = (answered / "report.md").read_text("utf-8")
    results = [stored[0] for name in QUESTIONS if (stored := load(name, answered))]
    claims = [claim for result in results for claim in result.claims]
    notes, ours, algebra, checked, verdicts, commands = (
        markdown.section(report, title).splitlines()[2:]
        for title in (
            "Claims of the notes",
            "What the notes do not ask",
            "Where algebra decides",
            "Checks of the experiments",
            "All verdicts",
            "Commands",
        )
    )
    judged = {claim.id for claim in claims if claim.kind != "check"}
    rows = [line.split(" | ")[0].removeprefix("| ") for line in [*notes, *ours, *algebra]]
    assert sorted(rows) == sorted(f"{id} {words}" for id, words in CLAIMS.items() if id in judged)
    assert len(checked) == [claim.kind for claim in claims].count("check")
    assert len(checked) + len(verdicts) == len(claims)
    assert any(r"learn \|x\|" in line for line in [*checked, *verdicts])
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in [*checked, *verdicts]} == {5}
    assert f"{len(QUESTIONS)} questions asked" in report
    assert f"JAX {jax.__version__}" in report
    assert [line.split(" | ")[0].removeprefix("| ") for line in commands] == list(QUESTIONS)
    assert any("python -m experiments collapse --" in line for line in commands)
    findings = markdown.section(report, "Findings").splitlines()
    assert [line.split(": ")[0] for line in findings] == [f"- {name}" for name in QUESTIONS]


@pytest.mark.slow
def test_what_is_read_without_unfolding_anything_is_short(answered: Path) -> None:
    page = (answered / "report.html").read_text("utf-8")
    assert len(unfolded_words(page)) <= 5000
    lines = [stored[0].report.advice for name in QUESTIONS if (stored := load(name, answered))]
    assert all(len(line.split()) <= 45 for line in lines), lines


@pytest.mark.slow
def test_the_terminal_shows_answers_on_several_questions_and_verdicts_on_one(answered: Path) -> None:
    results = [stored[0] for name in QUESTIONS if (stored := load(name, answered))]
    shown = []
    for some in (results, results[:1]):
        console = Console(file=io.StringIO(), width=500)
        text.show(some, console)
        shown.append(console.file.getvalue())  # pyright: ignore[reportAttributeAccessIssue]
    judged = {claim.id for result in results for claim in result.claims if claim.kind != "check"}
    assert [f"{id}  {words}" in shown[0] for id, words in CLAIMS.items()] == [id in judged for id in CLAIMS]
    assert all(claim.value_text in shown[1] for claim in results[0].claims)
    assert "value [interval]" in shown[1]


def _main(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_stored_runs_are_judged_again_as_they_were(answered: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    shutil.copytree(answered, out)
    before = {name: (out / f"{name}.json").read_text("utf-8") for name in QUESTIONS}
    changed = json.loads(before["noise"])
    changed["claims"][0]["text"] = changed["report"]["findings"][0] = "stale"
    (out / "noise.json").write_text(json.dumps(changed), "utf-8")
    assert main(["report", "--again", "--out", str(out)]) == 0
    assert {name: (out / f"{name}.json").read_text("utf-8") for name in QUESTIONS} == before


@pytest.mark.slow
def test_a_second_run_runs_nothing(answered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in answered.glob("*.json")}
    assert _main(capsys, "--smallest", "--out", str(answered)).count("not run again") == len(QUESTIONS)
    assert before == {path: path.stat().st_mtime_ns for path in answered.glob("*.json")}


@pytest.mark.slow
def test_other_settings_a_damaged_answer_and_fresh_are_run(
    answered: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(answered, out)
    tiny = [*TINY, "--out", str(out)]
    assert "finished in" in _main(capsys, *tiny)
    assert "not run again" in _main(capsys, *tiny)
    (out / "collapse.json").write_text((out / "collapse.json").read_text("utf-8")[:1000], "utf-8")
    printed = _main(capsys, *tiny)
    assert "collapse.json cannot be used" in printed
    assert "finished in" in printed
    assert "finished in" in _main(capsys, *tiny, "--fresh")
    page = (out / "report.html").read_text("utf-8")
    assert all(f'id="{name}"' in page for name in QUESTIONS)


def test_the_general_help_has_questions_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["--help"])
    assert not leaving.value.code
    printed = capsys.readouterr().out
    assert all(
        word in printed for word in (*QUESTIONS, "--out", "--fresh", "--full", "--seeds", "--devices", "report.html")
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_help_explains_every_setting(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as leaving:
        main([name, "--help"])
    assert not leaving.value.code
    printed = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    source = Path(sys.modules[f"{QUESTIONS[name].module}.measure"].__file__ or "").read_text("utf-8")
    for field in dataclasses.fields(QUESTIONS[name].config()):
        explained = re.search(rf'^    {field.name}: .*\n    """(.+)"""$', source, re.MULTILINE)
        assert explained, f"{field.name} has no docstring of one line"
        assert f"--{field.name.replace('_', '-')}" in printed
        assert explained.group(1) in printed


@pytest.mark.parametrize(
    ("arguments", "given", "expected"),
    [
        ("collapse --coordinator here", "devices is 1", "all is expected"),
        ("collapse --devices all --coordinator here", "coordinator is 'here'", "HOST:PORT"),
        ("--devices all --coordinator a:1 --num-processes 2", "process-id is None", "all three"),
        ("--devices all --coordinator a:1 --num-processes 2 --process-id 2", "process-id is 2", "from 0"),
        ("--devices all --cluster --process-id 0", "process-id is 0", "none of them"),
        ("collapse --seeds 0", "seeds is 0", "at least 2"),
        ("collapse --width -3", "width is -3", "at least 1"),
        ("collapse --confidence 1.5", "confidence is 1.5", "below 1"),
        ("collapse --rate nan", "rate is nan", "above 0"),
        ("collapse --seeds many", "'many'", "int"),
        ("collapse --depths", "depths", "at least one"),
        ("convergence --activations relu nonsense", "'nonsense'", "elementwise function of jaxact"),
        ("convergence --activations softmax_of_doom", "'softmax_of_doom'", "elementwise function of jaxact"),
        ("convergence --threshold 0.6", "threshold is 0.6", "one of"),
        ("convergence --thresholds 0.5 0.5", "thresholds is", "none twice"),
        ("convergence --nets mlp", "'mlp'", "mlp1, mlp2, ..."),
        ("convergence --nets mlp2 mlp2", "nets is", "none twice"),
        ("convergence --optimizers lion", "'lion'", "'momentum'"),
        ("convergence --convnet-threshold 0.6", "convnet-threshold is 0.6", "one of"),
        ("convergence --inits lecun", "init is 'lecun'", "'glorot'"),
        ("convergence --rates-around 0.5 2", "rates-around is [0.5, 2.0]", "1.0 is expected among"),
        ("cost --sizes 4096 0", "sizes is 0", "at least 1"),
        ("cost --widths 64 512", "widths is 512", "at least 1024"),
        ("cost --activations maxout", "'maxout'", "elementwise function of jaxact"),
        ("dying_relu --widths 10 0", "widths is 0", "at least 1"),
        ("dying_relu --negative-bias 1", "negative-bias", "above 0"),
        ("dying_relu --sgd-rates -1", "sgd-rates is -1", "above 0"),
        ("vanishing --inits orthogonal", "init is 'orthogonal'", "'lecun'"),
        ("vanishing --activations prelu", "'prelu'", "elementwise function of jaxact"),
        (f"--seeds {10**23}", "seeds is 100000000000000000000000, but", "at most 1000000"),
        (f"collapse --seeds {'9' * 5000}", "seeds", "int"),
        (f"collapse --seeds {'9' * 500}", "seeds is 999999999999999999999999999999..., but", "at most 1000000"),
        ("vanishing --layers 1", "layers is 1", "at least 2"),
        ("init_scale --scales 0.1 10", "scales is [0.1, 10.0]", "LeCun's scale 1"),
        ("born_dead --most-hidden 5", "most-hidden is 5", "at least 9"),
        ("born_dead --biases 0", "biases is [0.0, 0.0]", "none twice"),
        ("dying_relu --colour red", "--colour", "nrecognized"),
        ("fixed_point --caps 6", "caps is", "none twice"),
        ("fixed_point --few 16", "few is 16", "one of"),
        ("zero_centring --shifted elu", "shifted is 'elu'", "sigmoid"),
        ("zero_centring --unshifted relu", "unshifted is", "none twice"),
        ("zero_centring --pixel-nets prelu", "'prelu'", "elementwise function of jaxact"),
        ("zero_centring --depth 1", "depth is 1", "at least 2"),
        ("exact_claims --points 0", "points is 0", "at least 1"),
        ("recommendation --activations relu tanh", "activations is", "none twice"),
        ("recommendation --activations nonsense", "'nonsense'", "elementwise function of jaxact"),
        ("convergence --activations softmax", "'softmax'", "elementwise function of jaxact"),
        ("convergence --convnet-activations", "activations is []", "at least one"),
        ("noise --others CATALOGUE", "'CATALOGUE'", "elementwise function of jaxact"),
        ("recommendation --rates 2", "rates is 2", "at least 3"),
        ("recommendation --rates-around 0.5 2", "rates-around is [0.5, 2.0]", "1.0 is expected among"),
        ("noise --rates-around 1 0", "rates-around is 0.0", "above 0"),
        ("noise --levels 0.5 0", "levels is 0", "above 0"),
        ("noise --others elu", "others is", "none twice"),
        ("noise --slopes 2", "slopes is 2", "below 1"),
        ("precision --heads relu", "heads is 'relu'", "'softmax'"),
        ("precision --activations snake", "activations is 'snake'", "'tanh'"),
        ("precision --dtypes float8", "float8", "bfloat16"),
        ("precision --rates 0.1", "rates is [0.1]", "at least two"),
        ("transformer --activations softmax", "'softmax'", "elementwise function of jaxact"),
        ("transformer --hidden 70", "hidden is 70", "multiple of 3"),
        ("transformer --heads 5", "width is 24", "multiple of 5"),
        ("transformer --turn 7", "turn 7", "multiples"),
        ("softcap --rates 0.3 0.1", "rates is [0.3, 0.1]", "rising order"),
        ("softcap --cures maxout", "maxout", "dynamic_tanh"),
        ("softcap --cap 0", "cap is 0", "above 0"),
        ("sparsity --bits 6", "bits is [6]", "8 is expected among"),
        ("sparsity --kept 1", "kept is 1", "below 1"),
        ("sparsity --activations relu", "activations is", "none twice"),
        ("tables --tables titanic", "tables is 'titanic'", "'wine'"),
        ("tables --stops 500", "steps is 300", "at least 500"),
        ("gravity", "'gravity'", "collapse"),
        ("--quick --full", "--quick and --full were given", "one size is expected"),
        ("cost --smallest --full", "--smallest and --full", "one size is expected"),
        ("--seeds 1", "seeds is 1", "at least 2"),
        ("--data imagenet", "imagenet", "digits"),
        ("run cost gravity", "'gravity'", "collapse"),
        ("cost --devices 0", "devices is 0", "at least 1"),
        ("--devices 1000", "devices is 1000", f"only {jax.device_count()}"),
        ("--devices some", "some", "all"),
        ("--smallest --out README.md", "README.md", "folder"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(
    arguments: str, given: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    try:
        code = main(arguments.split())
    except SystemExit as leaving:
        code = leaving.code
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert code == 2
    assert given in printed
    assert expected in printed
    assert "Traceback" not in printed


def test_writing_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answer.json"
    write(path, "old")

    def fails(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(KeyboardInterrupt):
        write(path, "new")
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_digits_are_standardised_by_the_training_part_and_disjoint() -> None:
    data = digits()
    changing = data.train.x.std(0) > 0
    assert np.allclose(data.train.x[:, changing].mean(0), 0, atol=1e-5)
    assert np.allclose(data.train.x[:, changing].std(0), 1, atol=1e-4)
    assert all((part.x[:, ~changing] == 0).all() for part in data)
    assert [len(part.y) for part in data] == [1077, 360, 360]
    for part in data:
        assert np.ptp(np.bincount(part.y) / len(part.y)) < 0.01


def test_one_step_is_gradient_descent_by_hand() -> None:
    x, y = digits().train.x[:50], digits().train.y[:50]
    recipe = Recipe((64, 10), "identity", batch=50)
    grid = Grid.of([3], [0.5])
    weight = np.asarray(initial_state(recipe, grid).net[0].weight)[0].astype(float)
    ((_, state),) = train(recipe, grid, Split(x, y), 1, 1)
    exponentials = np.exp(x @ weight)
    surplus = exponentials / exponentials.sum(1, keepdims=True) - np.eye(10)[y]
    assert np.allclose(state.net[0].weight[0], weight - 0.5 * x.T @ surplus / 50, atol=1e-5)
    assert np.allclose(state.net[0].bias[0], -0.5 * surplus.mean(0), atol=1e-6)


def test_a_trained_layer_does_as_well_as_sklearns_logistic_regression() -> None:
    data = digits()
    theirs = LogisticRegression(C=1.0, max_iter=2000).fit(data.train.x, data.train.y).score(data.test.x, data.test.y)
    recipe = Recipe((64, 10), "identity")
    *_, (_, state) = train(recipe, Grid.of(range(4), [0.1]), data.train, 660, 330)
    error, _ = score(recipe, state, *data.test)
    assert abs(np.mean(1 - np.asarray(error)) - theirs) < 0.02


@pytest.mark.parametrize(
    "optimizer", [*(pytest.param(o, marks=pytest.mark.slow) for o in ("sgd", "clipped_sgd")), "adam"]
)
def test_a_net_trained_among_others_is_the_net_trained_alone(optimizer: str) -> None:
    data, recipe = digits().train, Recipe((64, 8, 10), "tanh", optimizer)
    (*_, (_, many)) = train(recipe, Grid.of([5, 6], [0.01, 0.1]), data, 20, 10)
    (*_, (_, one)) = train(recipe, Grid.of([6], [0.1]), data, 20, 20)
    for together, alone in zip(jax.tree.leaves(many.net), jax.tree.leaves(one.net), strict=True):
        assert np.allclose(together[3], alone[0], atol=1e-5)


def test_a_clipped_step_is_never_longer_than_its_rate() -> None:
    data, recipe = digits().train, Recipe((64, 8, 10), "relu", "clipped_sgd")
    grid = Grid.of(range(3), [7.0], gains=[30.0])
    before = initial_state(recipe, grid)
    ((_, after),) = train(recipe, grid, data, 1, 1)
    moves = [b - a for a, b in zip(jax.tree.leaves(before.net), jax.tree.leaves(after.net), strict=True)]
    length = jnp.sqrt(sum(jnp.sum(move**2, axis=tuple(range(1, move.ndim))) for move in moves))
    assert np.allclose(length, 7.0, rtol=1e-4)


def test_activations_share_initial_weights_and_seeds_do_not() -> None:
    grid = Grid.of([1, 2], [0.1], gains=[1.0, 2.0])
    relu, tanh = (initial_state(Recipe((64, 16, 10), name), grid).net[0].weight for name in ("relu", "tanh"))
    assert np.array_equal(relu, tanh)
    assert np.allclose(2 * relu[0], relu[2])
    assert not np.allclose(relu[0], relu[1])
    assert abs(float(jnp.std(relu[:2])) - 1 / 8) < 0.01


def test_tuning_moves_until_the_best_lies_inside() -> None:
    def cost(grid: Any) -> np.ndarray:
        return np.abs(np.log2(grid.rate / 32)) + np.abs(np.log2(grid.gain / 4)) + 0.01 * grid.seed

    found = tune(cost, range(3), rate=0.25, gain=1.0, rates=5, gains=3, windows=6)
    assert (found.rate, found.gain, found.interior) == (32.0, 4.0, True)
    assert not tune(cost, range(3), rate=0.25, gain=1.0, rates=5, gains=3, windows=2).interior


@pytest.mark.parametrize(
    ("activation", "dead", "stuck", "cut_off"),
    [
        ("relu", 1, 1, 1),
        ("leaky_relu", 0, 1, 0),
        ("elu", 1, 1, 1),
        ("maxout", 0, 0, 0),
    ],
)
def test_the_state_of_a_unit_far_off_the_data(activation: str, dead: int, stuck: int, cut_off: int) -> None:
    recipe, data = Recipe((64, 6, 10), activation), digits().train
    state = initial_state(recipe, Grid.of([0], [0.1]))
    hidden, output = state.net
    state = state._replace(net=(hidden._replace(bias=hidden.bias.at[0, 0].set(-500.0)), output))
    counts = [int(units[0][0].sum()) for units in unit_state(recipe, state, jnp.asarray(data.x))]
    assert counts == [dead, stuck, cut_off]


def test_a_probe_has_the_gradient_that_reaches_the_unit() -> None:
    recipe, data = Recipe((64, 6, 10), "tanh"), digits().train
    net = jax.tree.map(lambda leaf: leaf[0], initial_state(recipe, Grid.of([0], [0.1])).net)
    x, y = jnp.asarray(data.x), jnp.asarray(data.y)
    _, (z,) = forward(recipe, net, x)
    probes = jax.grad(lambda probes: jnp.sum(losses(recipe, net, x, y, probes)))([jnp.zeros_like(z)])
    weights = jax.grad(lambda net: jnp.sum(losses(recipe, net, x, y)))(net)
    assert np.allclose(data.x.T @ probes[0], weights[0].weight, atol=1e-2)
