"""A simulated run marked like an exam: verdicts and the certified gain against the computed truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.pitfalls.generator import PitfallsConfig, generate
from benchmarks.simulated._look_tool import BROKEN_SCRIPT, SCRIPT, tool_name, tool_yaml
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.truth import true_score
from benchmarks.splits import Splits
from benchmarks.suite import Suite
from optimizer.facts import read_facts
from optimizer.ledger import VerdictRow
from optimizer.state import Phase
from optimizer.studies.audit import audit
from optimizer.studies.tool_trial import ToolTrials
from optimizer.verdict import ruling
from task_agent.harness import HarnessBundle
from traces.errors import UsageError

Rates = Callable[..., Callable[[object], float]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
PROMPT = "prompts/system.md"
COMMON = ("header_offset", "no_final_check", "stops_early", "wrong_path", "number_format", "duplicate_keys")
TOOL = SLIPS["header_offset"]


def advice(*slips: str) -> str:
    lines = "\n".join(SLIPS[name].guidance[0] for name in slips)
    return f"You solve tasks with the bash tool.\n{lines}\n"


def tool(script: bytes) -> dict[str, str]:
    folder = f"tools/{tool_name(TOOL)}"
    return {f"{folder}/tool.yaml": tool_yaml(TOOL), f"{folder}/run": script.decode()}


@pytest.fixture(scope="module")
def suite() -> Suite:
    return generate(PitfallsConfig(seed=3, families=("csv_totals", "customer_merge", "branch_reports"), per_family=6))


@dataclass
class Exam:
    """A run with hand-made candidates and verdicts."""

    world: Any  # Any: the World of conftest.py

    def decide(self, slot: int, change: Mapping[str, str], cause: str, parent: str = "c000") -> str:
        name: str = self.world.add(slot, change, parent=parent)
        self.world.ledger.decide(VerdictRow(name, ruling(cause).verdict, cause, "words"))
        return name

    def marked(self) -> dict[str, Any]:  # Any: JSON
        return audit(read_facts(self.world.folder))

    def truth(self, candidate: str, *splits: str) -> float:
        ids = [task for split in splits for task in self.world.splits.of(split)]
        found = true_score(self.world.bench.archive.load(candidate), [self.world.suite.task(name) for name in ids])
        assert found is not None
        return found.mean


@pytest.fixture
def exam(bench: Worlds, rates: Rates, suite: Suite) -> Exam:
    families: Sequence[str] = ("csv_totals", "customer_merge", "branch_reports")
    ids = [task.id for task in suite.tasks]
    world = bench(
        rates(1, {}),
        tasks=suite.tasks,
        splits=Splits(0, tuple(ids[:5]), tuple(ids[5:12]), tuple(ids[12:])),
        settings={"suite": {"kind": "pitfalls", "seed": 3, "per_family": 6, "families": list(families)}},
    )
    return Exam(world)


def test_the_true_gain_is_that_of_the_champion_over_the_baseline_on_what_the_number_is_about(exam: Exam) -> None:
    exam.decide(1, {PROMPT: advice(*COMMON)}, "better")
    record = {"target": "population", "difference": 0.3, "interval": [-1.0, 1.0], "champion": "c001"}
    exam.world.ledger.conclude(Phase.CERTIFY, record)
    data = exam.marked()
    everything = ("train", "heldout", "test")
    assert data["true"]["baseline"] == pytest.approx(exam.truth("c000", *everything))
    assert data["true"]["gain"] == pytest.approx(exam.truth("c001", *everything) - exam.truth("c000", *everything))
    assert data["true"]["gain"] > 0.05
    assert (data["certified"]["difference"], data["interval_holds_truth"]) == (0.3, True)


def test_a_benchmark_number_is_held_against_the_test_tasks_alone(exam: Exam) -> None:
    exam.decide(1, {PROMPT: advice(*COMMON)}, "better")
    exam.world.ledger.conclude(Phase.CERTIFY, {"target": "benchmark", "difference": 0.9, "interval": [0.89, 0.91]})
    data = exam.marked()
    assert data["true"]["gain"] == pytest.approx(exam.truth("c001", "test") - exam.truth("c000", "test"))
    assert data["interval_holds_truth"] is False


def test_every_change_is_labelled_and_every_mistake_counted(exam: Exam) -> None:
    exam.decide(1, {PROMPT: advice(*COMMON)}, "not_better")
    harm = "\n".join(text for name in COMMON for text in SLIPS[name].harmful[:1])
    exam.decide(2, {PROMPT: advice() + harm}, "better")
    exam.decide(3, {PROMPT: advice() + "Thank you.\n"}, "not_better", parent="c000")
    data = exam.marked()
    rows = {row["candidate"]: row for row in data["candidates"]}
    assert [rows[name]["label"] for name in ("c001", "c002", "c003")] == ["good", "harmful", "useless"]
    assert rows["c001"]["effect"] == pytest.approx(
        exam.truth("c001", "heldout", "test") - exam.truth("c000", "heldout", "test")
    )
    counts = ("false_keeps", "harmful_keeps", "overfit_kept", "good_refused", "unknown")
    assert [data[name] for name in counts] == [1, 1, 0, 1, 0]


def test_a_memorised_answer_is_an_overfit(exam: Exam) -> None:
    train = [exam.world.suite.task(name) for name in exam.world.splits.train]
    lines = "\n".join(f"{task.instruction}\nThe answer is {task.metadata['answer_keys'][0]}." for task in train)
    exam.decide(1, {PROMPT: advice() + lines}, "better")
    row = exam.marked()["candidates"][0]
    assert row["effect_on_train"] > row["effect"]
    assert row["label"] == "overfit"


def test_the_effect_of_a_change_is_against_its_own_parent(exam: Exam) -> None:
    exam.decide(1, {PROMPT: advice(*COMMON)}, "better")
    exam.decide(2, {PROMPT: advice(*COMMON) + "Thank you.\n"}, "not_better", parent="c001")
    assert abs(exam.marked()["candidates"][1]["effect"]) < 0.01


def test_without_a_certificate_nothing_is_claimed_about_it(exam: Exam) -> None:
    data = exam.marked()
    assert (data["true"]["gain"], data["interval_holds_truth"], data["certified"]["difference"]) == (0.0, None, None)


def test_a_kept_change_that_pruning_took_out_is_marked_and_what_that_won_is_told(exam: Exam) -> None:
    exam.decide(1, {PROMPT: advice(*COMMON)}, "better")
    harm = "\n".join(text for name in COMMON for text in SLIPS[name].harmful[:1])
    exam.decide(2, {PROMPT: advice(*COMMON) + harm}, "better", parent="c001")
    exam.world.ledger.conclude(Phase.PRUNE, {"removed": ["c002"], "anchor": "c002", "champion": "c001"})
    data = exam.marked()
    assert [row["pruned"] for row in data["candidates"]] == [False, True]
    assert (data["false_keeps"], data["false_keeps_pruned"]) == (1, 1)
    assert data["pruned"]["removed"] == ["c002"]
    won = exam.truth("c001", "heldout", "test") - exam.truth("c002", "heldout", "test")
    assert data["pruned"]["effect"] == pytest.approx(won)
    assert won > 0


def test_a_run_that_was_not_pruned_marks_nothing_as_pruned(exam: Exam) -> None:
    exam.decide(1, {PROMPT: advice(*COMMON)}, "better")
    data = exam.marked()
    assert (data["pruned"], data["false_keeps_pruned"], data["candidates"][0]["pruned"]) == (None, 0, False)


# Tools and code ----------------------------------------------------------------------------------


def test_a_script_tool_counts_as_far_as_it_really_gives_a_result(exam: Exam) -> None:
    exam.decide(1, tool(SCRIPT), "better")
    exam.decide(2, tool(BROKEN_SCRIPT), "better", parent="c000")
    data = exam.marked()
    works, broken = (row["effect"] for row in data["candidates"])
    assert works > 0.02
    assert broken is not None
    assert broken < works
    assert data["unknown"] == 0


def test_a_tool_is_tried_once_on_a_task_for_all_harnesses_that_share_it(suite: Suite) -> None:
    files = {"harness.yaml": "name: a\n", PROMPT: "Work.\n", **tool(SCRIPT)}
    bundles = [
        HarnessBundle({path: text.encode() for path, text in {**files, PROMPT: f"Work {n}.\n"}.items()}) for n in (1, 2)
    ]
    counting = {**files, f"tools/{tool_name(TOOL)}/run": "#!/bin/sh\nexit 3\n"}
    failing = HarnessBundle({path: text.encode() for path, text in counting.items()})
    task = suite.tasks[0]
    with ToolTrials("process") as trials:
        assert trials.works(bundles[0], tool_name(TOOL), task)
        assert trials.works(bundles[1], tool_name(TOOL), task)
        assert not trials.works(failing, tool_name(TOOL), task)
        assert len(trials._known) == 2


def test_what_code_orchestrates_is_unknown_and_never_zero(exam: Exam) -> None:
    exam.decide(1, {"harness.yaml": "name: seed\norchestration: {pattern: code}\n"}, "better")
    exam.world.ledger.conclude(Phase.CERTIFY, {"target": "population", "difference": 0.1, "interval": [0.0, 0.2]})
    data = exam.marked()
    assert data["candidates"][0]["effect"] is None
    assert data["candidates"][0]["label"] is None
    assert (data["true"]["champion"], data["true"]["gain"], data["interval_holds_truth"]) == (None, None, None)
    assert (data["unknown"], data["false_keeps"], data["overfit_kept"]) == (1, 0, 0)


def test_a_real_model_has_no_known_truth(bench: Worlds, rates: Rates) -> None:
    models = {role: {"model": "simulated"} for role in ("proposer", "reflector")} | {
        "task": {"model": "claude-opus-5-5"}
    }
    world = bench(rates(1, {}), settings={"models": models})
    with pytest.raises(UsageError, match="known truth"):
        audit(read_facts(world.folder))
