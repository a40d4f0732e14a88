"""The end of a night: kept changes that carry nothing are taken out, once, and the record says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptSpec, Purpose
from optimizer.execute import Driver
from optimizer.export import write_export
from optimizer.facts import read_facts
from optimizer.ledger import VerdictRow
from optimizer.ledger.decisions import read_decisions
from optimizer.loop import ASKED_NOW
from optimizer.report.html import page
from optimizer.report.pruning import pruning
from optimizer.stages.draws import OutageError
from optimizer.stages.measure import baseline
from optimizer.stages.prune import prune
from optimizer.state import Phase
from optimizer.verdict import Verdict

Worlds = Callable[..., Any]  # Any: the World of conftest.py
PROMPT = "prompts/system.md"
SEED = "You solve tasks with the bash tool.\nBe quick.\n"
LINES = ["Check sums.", "Keep names.", "Look twice."]
ON = {"prune": {"enabled": True, "runs": 4}, "stop": {"iterations": 3}, "replicates": {"best_of_n": False}}
SIZES = (3, 30, 4)


def exactly(rates: Mapping[str, float]) -> Callable[[AttemptSpec], float]:
    """Pass just the share of tasks that a candidate's rate says, every time: no noise at all."""

    def outcome(spec: AttemptSpec) -> float:
        return float(int(spec.task.rpartition("-")[2]) % 10 < round(10 * rates.get(spec.candidate, 1.0)))

    return outcome


def climbed(world: Any, lines: int = 3) -> Any:
    """Enter kept changes, each on top of the one before: a line more of the prompt."""
    world.ledger.conclude(Phase.BASELINE, {"score": None, "attempts": 0})
    for at in range(lines):
        text = SEED + "".join(f"{line}\n" for line in LINES[: at + 1])
        name = world.add(at + 1, {PROMPT: text}, parent=f"c00{at}")
        world.ledger.decide(VerdictRow(name, Verdict.KEEP, "better", "better"))
    return world


def pruned(world: Any) -> dict[str, Any]:
    prune(world.bench, skip="", keep_back_usd=0.0)
    return dict(world.ledger.conclusion(Phase.PRUNE))


def prompt(world: Any, candidate: str) -> str:
    return str(world.bench.archive.load(candidate).files[PROMPT].decode())


def test_a_change_that_carries_nothing_is_taken_out_and_the_rest_is_certified(bench: Worlds) -> None:
    world = climbed(bench(exactly({"c000": 0.2, "c004": 0.6, "c006": 0.5}), sizes=SIZES, settings=ON))
    world.drive()
    assert world.causes() | {"c003": ""} == {
        "c001": "better", "c002": "better", "c003": "", "c004": "needed", "c005": "simpler", "c006": "needed",
    }  # fmt: skip
    assert prompt(world, "c005") == SEED + "Check sums.\nLook twice.\n"
    row = next(row for row in world.ledger.candidates() if row.id == "c005")
    assert (row.parent, row.title) == ("c003", "without c002: title of c002")
    assert world.ledger.conclusion(Phase.CERTIFY)["champion"] == "c005"
    assert world.ledger.conclusion(Phase.PRUNE)["removed"] == ["c002"]


def test_what_pruning_tries_is_no_iteration_no_keep_and_no_progress(bench: Worlds) -> None:
    world = climbed(bench(exactly({"c004": 0.6, "c006": 0.5}), sizes=SIZES, settings=ON))
    before = world.ledger.state()
    pruned(world)
    after = world.ledger.state()
    assert (after.slots, after.keeps, after.since_keep) == (before.slots, before.keeps, before.since_keep) == (3, 3, 0)
    assert [row.id for row in after.candidates] == ["c001", "c002", "c003"]
    assert after.champion == "c005"


def test_all_arms_are_fresh_and_drawn_together(bench: Worlds) -> None:
    world = climbed(bench(exactly({}), sizes=SIZES, settings=ON), lines=2)
    pruned(world)
    rows = world.ledger.attempts(purpose=Purpose.PRUNE.value)
    arms = Counter((row.stage, row.spec.candidate) for row in rows)
    alone, together = ("c002", "c003", "c004"), ("c002", "c005")
    stages = [("prune/1", name) for name in alone] + [("prune/together/1", name) for name in together]
    assert arms == dict.fromkeys(stages, 30 * 4)
    first = [spec.candidate for spec in world.script.seen[: len(rows) // 2]]
    assert min(Counter(first).values()) > 30
    assert {row.spec.split for row in rows} == {"heldout"}


def test_changes_that_are_spare_together_go_together(bench: Worlds) -> None:
    world = climbed(bench(exactly({"c006": 0.5}), sizes=SIZES, settings=ON))
    record = pruned(world)
    assert record["removed"] == ["c001", "c002"]
    assert {name: cause for name, cause in world.causes().items() if name > "c003"} == {
        "c004": "other_taken", "c005": "other_taken", "c006": "needed", "c007": "simpler",
    }  # fmt: skip
    assert prompt(world, "c007") == SEED + "Look twice.\n"


def test_of_changes_that_do_the_same_work_one_stays(bench: Worlds) -> None:
    world = climbed(bench(exactly({"c006": 0.5, "c007": 0.5}), sizes=SIZES, settings=ON))
    record = pruned(world)
    assert len(record["removed"]) == 1
    assert record["champion"] in ("c004", "c005")
    assert world.causes()["c007"] == "needed"


def test_a_change_whose_loss_shows_early_costs_no_more_attempts(bench: Worlds) -> None:
    settings = {**ON, "prune": {"enabled": True, "runs": 8, "first_runs": 2}}
    world = climbed(bench(exactly({"c004": 0.6, "c006": 0.5}), sizes=SIZES, settings=settings))
    assert pruned(world)["removed"] == ["c002"]
    made = Counter(row.spec.candidate for row in world.ledger.attempts(purpose=Purpose.PRUNE.value))
    assert made == {"c003": 30 * 8, "c004": 30 * 2, "c005": 30 * 8, "c006": 30 * 2}


def test_the_record_says_what_it_saved_and_what_it_rests_on(bench: Worlds) -> None:
    world = climbed(bench(exactly({"c004": 0.6, "c006": 0.5}), sizes=SIZES, settings=ON))
    record = pruned(world)
    assert (record["saved"]["lines_out"], record["saved"]["lines_in"], record["saved"]["files"]) == (1, 0, 1)
    assert record["saved"]["usd"] == [pytest.approx(0.01)] * 2
    assert record["saved"]["tokens"] == [15, 15]
    assert (record["runs"], record["tasks"], record["attempts"], record["target"]) == (4, 30, 4 * 4 * 30, "benchmark")
    weighed = record["weighed"]["c005"]
    assert (weighed["without"], weighed["outcome"]) == (["c002"], "spare")
    assert weighed["estimate"]["difference"] == 0


def test_report_export_and_git_tell_of_it(bench: Worlds, tmp_path: Path) -> None:
    world = climbed(bench(exactly({"c000": 0.2, "c004": 0.6, "c006": 0.5}), sizes=SIZES, settings=ON))
    for at in (1, 2, 3):
        world.ledger.reserve_test(f"c00{at}", f"c00{at - 1}", 0.05)
    world.drive()
    facts = read_facts(world.folder)
    assert "taken out: c002 (title of c002). The champion is c005: c003 without it" in pruning(facts)
    assert "saved: 1 line of harness, in 1 file" in pruning(facts)
    assert facts.verdict_counts()["keep"] == 3
    assert [row.id for row in facts.variants] == ["c004", "c005", "c006"]
    assert all(text in page(facts) for text in ("Taken out again", "without c002", "no worse without it"))
    manifest = write_export(facts, tmp_path / "out")
    assert manifest.pruned is not None
    assert (manifest.pruned.anchor, manifest.pruned.removed, manifest.pruned.skipped) == ("c003", ("c002",), None)
    assert [step.candidate for step in manifest.lineage] == ["c001", "c002", "c003", "c005"]
    assert (manifest.expected_false_keeps, manifest.gate_epoch, manifest.evidence.target) == (0.15, 1, "population")
    decided = {each.candidate: each for each in read_decisions(world.folder.ledger)}
    assert [name for name, each in decided.items() if not each.proposed] == ["c000", "c004", "c005", "c006"]


def test_a_change_that_others_build_on_stays_and_is_named(bench: Worlds) -> None:
    world = climbed(bench(exactly({"c003": 1.0, "c004": 0.4}), sizes=SIZES, settings=ON), lines=1)
    name = world.add(2, {PROMPT: SEED + "Check all sums, twice.\n"}, parent="c001")
    world.ledger.decide(VerdictRow(name, Verdict.KEEP, "better", "better"))
    record = pruned(world)
    assert list(record["stuck"]) == ["c001"]
    assert "build on" in record["stuck"]["c001"]
    assert record["removed"] == ["c002"]
    assert prompt(world, record["champion"]) == SEED + "Check sums.\n"


def test_one_kept_change_is_left_alone(bench: Worlds) -> None:
    world = climbed(bench(exactly({}), sizes=SIZES, settings=ON), lines=1)
    record = pruned(world)
    assert (record["removed"], record["champion"], world.script.seen) == ([], "c001", [])


@pytest.mark.parametrize(
    ("stop", "why"),
    [
        ({"budget_usd": 3.0}, "money"),
        ({"tokens": 5_000}, "tokens"),
    ],
)
def test_it_is_skipped_with_its_reason_when_it_does_not_fit(bench: Worlds, stop: dict[str, Any], why: str) -> None:
    world = bench(exactly({}), sizes=SIZES, settings={**ON, "stop": {"iterations": 3, **stop}})
    climbed(world)
    baseline(world.bench)
    spent = len(world.script.seen)
    record = pruned(world)
    assert (record["skipped"], record["removed"], record["champion"]) == (why, [], "c003")
    assert len(world.script.seen) == spent
    assert set(list(world.causes().values())[3:]) == {"ended"}


def test_the_money_for_certifying_is_left(bench: Worlds) -> None:
    settings = {**ON, "stop": {"iterations": 3, "budget_usd": 5.1}}
    world = climbed(bench(exactly({"c004": 0.6, "c006": 0.5}), sizes=SIZES, settings=settings))
    baseline(world.bench)
    world.drive()
    assert world.ledger.conclusion(Phase.PRUNE)["skipped"] == ""
    assert world.ledger.conclusion(Phase.CERTIFY)["champion"] == "c005"
    assert world.ledger.spend().usd <= 5.1


def test_ending_the_night_now_skips_it(bench: Worlds) -> None:
    world = climbed(bench(exactly({}), sizes=SIZES, settings=ON))
    driver = Driver(world.bench)
    driver.end(ASKED_NOW)
    while driver.step() is not None:
        pass
    assert world.ledger.conclusion(Phase.PRUNE)["skipped"] == ASKED_NOW
    assert world.ledger.conclusion(Phase.CERTIFY)["champion"] == "c003"
    assert not world.ledger.attempts(purpose=Purpose.PRUNE.value)


def test_an_outage_leaves_it_pending(bench: Worlds) -> None:
    world = climbed(bench(lambda spec: None, sizes=SIZES, settings=ON))
    with pytest.raises(OutageError):
        pruned(world)
    assert world.ledger.conclusion(Phase.PRUNE) is None
    assert world.ledger.state().champion == "c003"
    world.script.outcome = exactly({"c004": 0.6, "c006": 0.5})
    assert pruned(world)["removed"] == ["c002"]


def test_taking_out_everything_leaves_the_baseline_and_nothing_to_certify(bench: Worlds) -> None:
    world = climbed(bench(exactly({}), sizes=SIZES, settings={**ON, "stop": {"iterations": 2}}), lines=2)
    world.drive()
    assert world.bench.harness(world.ledger.state().champion) == world.bench.harness("c000")
    assert "taken out again" in world.ledger.conclusion(Phase.CERTIFY)["note"]
    assert not world.ledger.attempts(split="test")


def test_a_crash_at_any_write_changes_nothing_but_the_hour(bench: Worlds, crash: type[BaseException]) -> None:
    settings = {**ON, "prune": {"enabled": True, "runs": 2, "margin_least": 0.3, "margin_most": 0.3}}
    sizes = (3, 10, 2)

    def make() -> Any:
        return climbed(bench(exactly({"c006": 0.1}), sizes=sizes, settings=settings))

    whole = make()
    whole.fuse.burnt = 0
    whole.drive()
    steps, expected = whole.fuse.burnt, whole.history()
    assert whole.ledger.conclusion(Phase.PRUNE)["removed"] == ["c001", "c002"]
    for at in range(1, steps + 1, max(steps // 10, 1)):
        world = make()
        world.fuse.burnt, world.fuse.at = 0, at
        with suppress(crash):
            world.drive()
        world.close()
        world.open()
        world.drive()
        assert world.history() == expected, f"died at write {at} of {steps}"
        world.close()
