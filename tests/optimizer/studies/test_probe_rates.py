"""Probes on planted changes: a night's probe, foretold attempts that are the real ones, and rates kept apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulated.truth import true_score
from benchmarks.splits import Splits
from benchmarks.suite import Suite, load_suite
from optimizer.attempt import AttemptRunner
from optimizer.candidates import BASELINE
from optimizer.cli.main import main
from optimizer.clients import make_client, simulated_settings
from optimizer.config import RunConfig
from optimizer.planning.plan import split_suite
from optimizer.reflect.calibration import Rate
from optimizer.reflect.planted import SHEETS, Planted, plant_all, plant_sheets
from optimizer.run_file import load_run_file
from optimizer.schedule import Runner
from optimizer.stages.probing import Probe, probe, probed_tasks, variant_of
from optimizer.studies.foretelling import Foreteller, Seer
from optimizer.studies.probe_rates import CANDIDATE, Prober, Tried, open_bench, tabulate
from optimizer.studies.tool_trial import ToolTrials
from task_agent.harness import HarnessBundle, load_bundle
from task_agent.sandbox.process import ProcessSandbox
from traces.errors import UsageError
from traces.writer import TraceWriter

ROOT = Path(__file__).parents[3]
QUICKSTART = ROOT / "configs/quickstart.yaml"


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return load_run_file(QUICKSTART, {"reflection.probe_tasks": 12})


@pytest.fixture(scope="module")
def suite(config: RunConfig) -> Suite:
    return load_suite(config.suite, Path())


@pytest.fixture(scope="module")
def splits(config: RunConfig, suite: Suite) -> Splits:
    return split_suite(config, suite)


@pytest.fixture(scope="module")
def parent() -> HarnessBundle:
    return load_bundle(ROOT / "configs/harnesses/bash-only")


@pytest.fixture(scope="module")
def seer(config: RunConfig, suite: Suite) -> Iterator[Seer]:
    with ToolTrials("process") as trials:
        yield Seer(suite, simulated_settings(config), trials)


@pytest.fixture(scope="module")
def planted(suite: Suite, splits: Splits, parent: HarnessBundle) -> list[Planted]:
    train = [suite.task(name) for name in splits.train]
    wanted = ("answer table", "compressed", "general advice", "second pass", "limits")
    readers = [change for change in plant_all(train, parent, each=3) if change.mechanism in wanted]
    return readers + plant_sheets(train, parent, each=3)


Try = Callable[[int], list[Tried]]


@pytest.fixture(scope="module")
def trying(config: RunConfig, splits: Splits, parent: HarnessBundle, seer: Seer, planted: list[Planted]) -> Try:
    return lambda seed: Prober(config, splits, parent, seer, seed).try_all(planted, lambda done, of: None)


@pytest.fixture(scope="module")
def tried(trying: Try) -> list[Tried]:
    return trying(1)


def of(tried: list[Tried], *mechanisms: str) -> list[Tried]:
    return [each for each in tried if each.change.mechanism in mechanisms]


def test_what_leans_on_every_task_is_found_and_what_helps_everywhere_passes(tried: list[Tried]) -> None:
    assert all(each.probe.overfit and each.gap > 0.4 for each in of(tried, "answers of all tasks"))
    helpful = of(tried, "second pass")
    assert all(each.gain > 0.1 and each.gain_on_variants > 0.1 for each in helpful)
    assert not any(each.probe.overfit for each in helpful)


def test_an_answer_in_disguise_has_no_gap_under_the_simulated_model(tried: list[Tried]) -> None:
    assert [each.gap for each in of(tried, "compressed")] == [0.0] * 3
    assert all(each.gap > 0 for each in of(tried, *(sheet.name for sheet in SHEETS)))


def test_every_change_costs_four_arms_of_fresh_attempts(tried: list[Tried], config: RunConfig) -> None:
    size = 4 * config.reflection.probe_tasks * config.reflection.probe_runs
    assert {each.attempts for each in tried} == {size}
    assert {each.probe.tasks for each in tried} == {config.reflection.probe_tasks}


def test_a_seed_gives_the_same_probes_and_another_one_others(trying: Try, tried: list[Tried]) -> None:
    assert trying(1) == tried
    assert [each.probe for each in trying(2)] != [each.probe for each in tried]


def test_true_gains_are_those_an_audit_computes(
    suite: Suite, splits: Splits, parent: HarnessBundle, planted: list[Planted], seer: Seer
) -> None:
    names = [*splits.train, *map(variant_of, splits.train)]
    tasks = [suite.task(name) for name in names]
    for change in planted:
        truth = true_score(change.child, tasks)
        assert truth is not None
        found = seer.look(change.child, names)
        assert {name: found[change.child.hash, name].chance for name in names} == truth.per_task


def test_a_foretold_probe_is_the_one_that_real_attempts_in_sandboxes_give(
    config: RunConfig,
    suite: Suite,
    splits: Splits,
    parent: HarnessBundle,
    planted: list[Planted],
    seer: Seer,
    tmp_path: Path,
) -> None:
    few = config.reflection.model_copy(update={"probe_tasks": 5, "probe_runs": 2})
    config = config.model_copy(update={"reflection": few, "seed": 3})
    child = next(change.child for change in planted if change.mechanism == "answers of all tasks")
    tasks = probed_tasks(config, splits)
    names, arms = [*tasks, *map(variant_of, tasks)], {CANDIDATE: child, BASELINE: parent}

    def real(worker: str) -> Runner:
        client = make_client(config.models.task, config, suite)
        writer = TraceWriter(tmp_path, worker)
        return AttemptRunner(
            suite, client, model="simulated", effort=None, make_sandbox=ProcessSandbox, traces=writer, seed=config.seed
        )

    def foretold(_worker: str) -> Runner:
        return Foreteller({**seer.look(child, names), **seer.look(parent, names)}, config.seed)

    seen = []
    for make in (real, foretold):
        with open_bench(config, splits, arms, make) as bench:
            found = probe(bench, CANDIDATE, BASELINE)
            seen.append((found, [(row.spec, row.reward) for row in bench.ledger.attempts()]))
    assert seen[0] == seen[1]
    assert {reward for _, reward in seen[0][1]} == {0.0, 1.0}


def test_a_harness_whose_truth_is_unknown_is_refused(seer: Seer, parent: HarnessBundle) -> None:
    code = {
        "harness.yaml": b"name: own\norchestration: {pattern: code}\n",
        "orchestration.py": b"async def orchestrate(ctx):\n    pass\n",
    }
    with pytest.raises(UsageError, match="what this harness truly does is unknown"):
        seer.look(HarnessBundle({**parent.files, **code}), ["csv-totals-01"])


# Counting ----------------------------------------------------------------------------------------


def known(parent: HarnessBundle, *, overfit: bool, gain: float, on_variants: float, refused: bool) -> Tried:
    change = Planted("one", "made", overfit=overfit, tuned=False, child=parent)
    found = Probe(12, 0.5, 0.0, 9.0, 9.0) if refused else Probe(12, 0.5, 0.5, 9.0, 0.0)
    return Tried(change, gain, on_variants, found, 192)


def test_a_refusal_counts_as_found_only_where_there_is_a_gap_to_find(parent: HarnessBundle) -> None:
    tried = [
        known(parent, overfit=True, gain=0.3, on_variants=0.0, refused=True),
        known(parent, overfit=True, gain=0.03, on_variants=0.0, refused=False),
        known(parent, overfit=True, gain=0.0, on_variants=0.0, refused=True),
        known(parent, overfit=True, gain=-0.1, on_variants=-0.3, refused=False),
        known(parent, overfit=False, gain=0.3, on_variants=0.1, refused=True),
    ]
    rows = {(row.truth, row.mechanism): row for row in tabulate(tried)}
    overfits, honest = rows["overfit", "made"], rows["honest", "made"]
    assert (overfits.gap, overfits.found, overfits.alarms) == (Rate(2, 4), Rate(1, 2), Rate(1, 2))
    assert (honest.gap, honest.found, honest.alarms) == (Rate(1, 1), Rate(0, 0), Rate(1, 1))
    assert rows["overfit", "gap of 0.2 or more"].found == Rate(1, 1)
    assert overfits.attempts == 4 * 192


def bench(capsys: pytest.CaptureFixture[str], run_file: Path, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "reflect", str(run_file), "--probes", "4", *words])
    said = capsys.readouterr()
    return int(str(ended.value.code)), said.out, said.err


def test_the_command_says_what_is_measured_and_what_is_configured(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = bench(capsys, QUICKSTART, "--each", "1", "--json")
    rows: list[dict[str, Any]] = json.loads(out)["data"]["rows"]
    assert code == 0
    assert {row["gap"]["basis"] for row in rows} == {"configured"}
    assert {row[name]["basis"] for row in rows for name in ("found", "alarms")} == {"measured"}
    assert {row["part"] for row in rows} == {"readers", "probes", "all"}
    whole = next(row for row in rows if (row["truth"], row["part"], row["mechanism"]) == ("overfit", "all", "all"))
    assert whole["attempts"] == whole["gap"]["of"] * 4 * 4 * 4
    assert "CONFIGURED" in err


def test_a_real_model_whose_truth_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = QUICKSTART.read_text().replace("harnesses/", f"{ROOT}/configs/harnesses/")
    words = words.replace("prices.yaml", f"{ROOT}/configs/prices.yaml")
    real = tmp_path / "real.yaml"
    real.write_text(words.replace("task: {model: simulated}", "task: {model: claude-haiku-4-5}"))
    code, _, err = bench(capsys, real)
    assert (code, "known with the simulated model alone" in err) == (2, True)


def test_a_probe_of_more_tasks_than_there_are_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = bench(capsys, QUICKSTART, "--probes", "31")
    assert (code, "a probe of 31 tasks needs as many train tasks, and there are 30" in err) == (2, True)


@pytest.mark.slow
def test_the_rates_on_the_page_come_again(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capsys, QUICKSTART, "--probes", "8", "--each", "20", "--json")
    rows = {(row["truth"], row["part"], row["mechanism"]): row for row in json.loads(out)["data"]["rows"]}
    assert code == 0
    lines = (ROOT / "docs/meta-agent.md").read_text().splitlines()
    for says, key, name in (
        ("answers of all train tasks |", ("overfit", "probes", "answers of all tasks"), "found"),
        ("general advice beside them |", ("overfit", "probes", "answers of all tasks, and advice"), "found"),
        ("answers of half of them |", ("overfit", "probes", "answers of half of all tasks"), "found"),
        ("answers of a quarter of them |", ("overfit", "probes", "answers of a quarter of all tasks"), "found"),
        ("gap of .05 or more |", ("overfit", "all", "gap of 0.05 or more"), "found"),
        ("overfits without a gap |", ("overfit", "all", "all"), "alarms"),
        ("false alarms: honest changes |", ("honest", "all", "all"), "alarms"),
    ):
        line = next(line for line in lines if says in line)
        assert line.split("|")[2].strip().startswith(f"{rows[key][name]['count']} of {rows[key][name]['of']}: ")
