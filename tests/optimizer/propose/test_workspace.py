from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from optimizer.propose import AttemptView, Digest, TaskBrief, WallError, Workspace, write_evidence
from optimizer.propose.overview import overview, train_score
from traces.errors import NotFoundError, UsageError

Rebuild = Callable[..., Workspace]


def test_the_folder_holds_what_it_says_and_nothing_else(workspace: Workspace) -> None:
    top = sorted(entry.name for entry in workspace.root.iterdir())
    assert top == ["README.md", "attempts.jsonl", "candidates", "harness", "lessons", "tasks", "traces"]
    assert workspace.bundle() == workspace.champion
    about = json.loads((workspace.root / "candidates/c001/about.json").read_text())
    assert about["verdict"] == "reject"
    assert about["prediction"] == {"fixes": ["sum-01"], "at_risk": ["merge-02"]}
    assert "1 of 1 named" in about["prediction_outcome"]
    assert "Look first." in (workspace.root / "candidates/c001/diff.patch").read_text()
    assert (workspace.root / "tasks/sum-01.md").read_text() == "Add up the column.\n"


def test_clusters_and_digests_are_files_too_and_go_when_it_is_built_again(rebuild: Rebuild) -> None:
    digest = Digest("c000/sum-01/a00", "adds the header", 3, "I add.", "It added the header line up.")
    workspace = rebuild(digests=[digest])
    write_evidence(workspace, workspace.store)
    lines = (workspace.root / "clusters/c000.jsonl").read_text().splitlines()
    assert [json.loads(line)["cause"] for line in lines] == ["adds the header", "out of turns", "sandbox lost"]
    assert (workspace.root / "clusters/c001.jsonl").read_text() == ""
    assert "It added" in workspace.locate("digests/c000-sum-01-a00.txt").read_text()
    assert not (rebuild().root / "digests").exists()


def test_the_opening_names_the_clusters_unless_the_view_hides_them(workspace: Workspace) -> None:
    line = "- out-of-turns: 'out of turns' (ending), 1 attempt at 1 task, such as c000/merge-02/a00 at [6]"
    assert line in overview(workspace, 1)
    assert line in overview(workspace, 1, "digests")
    for view in ("scores", "blanked"):
        assert "out of turns" not in overview(workspace, 1, view)


def test_an_attempt_that_no_score_rests_on_is_in_none_of_the_openings_numbers(rebuild: Rebuild) -> None:
    attempts = [
        AttemptView("c000/sum-01/a00", "c000", "sum-01", 1.0, counts=False),
        AttemptView("c000/sum-01/a01", "c000", "sum-01", 0.0),
    ]
    text = overview(rebuild(attempts=attempts), 1)
    assert "Train score: 0.0% (1 of 1 attempts scored)" in text
    assert "0 passed, 1 failed, 0 missing" in text
    assert "sum-01 (1 of 1)" in text


def test_train_traces_of_every_candidate_come_along_finished_or_not(workspace: Workspace) -> None:
    assert "c001/merge-02/a00" in workspace.store.attempts()
    assert {segment.split for segment in workspace.store.segments()} == {"train"}


@pytest.mark.parametrize("split", ["heldout", "test", "proposer", ""])
def test_a_row_of_another_split_is_refused(rebuild: Rebuild, split: str) -> None:
    attempt = AttemptView("c000/x/a00", "c000", "x", 1.0, split=split)
    with pytest.raises(WallError, match="train only"):
        rebuild(attempts=[attempt])
    with pytest.raises(WallError, match="train only"):
        rebuild(tasks=[TaskBrief("x", "text", split=split)])
    with pytest.raises(WallError, match="train only"):
        rebuild(digests=[Digest("c000/x/a00", "cause", 1, "quote", "story", split=split)])


def test_building_again_drops_edits_and_old_candidates(workspace: Workspace, rebuild: Rebuild) -> None:
    (workspace.harness / "prompts/system.md").write_text("changed")
    again = rebuild(history=[replace(workspace.history[0], id="c002")])
    assert again.bundle() == workspace.champion
    assert [entry.name for entry in (again.root / "candidates").iterdir()] == ["c002"]


def test_a_folder_with_something_else_in_it_is_left_alone(workspace: Workspace, rebuild: Rebuild) -> None:
    (workspace.root / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'thesis\.txt'"):
        rebuild()


def test_ids_that_are_no_file_names_stay_inside(workspace: Workspace, rebuild: Rebuild) -> None:
    tasks = [TaskBrief("../../up", "one"), TaskBrief("up", "two"), TaskBrief("a/b", "three"), TaskBrief("..", "four")]
    again = rebuild(tasks=tasks, history=[replace(workspace.history[0], id="../c9")])
    assert len(list((again.root / "tasks").glob("*.md"))) == 4
    assert [entry.name for entry in (again.root / "candidates").iterdir()] == ["c9"]


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "harness/../../x", "tasks/../../x", "~/x", "a\\b", "a\0b", "x" * 999]
)
def test_a_path_that_leads_out_is_refused(workspace: Workspace, path: str) -> None:
    with pytest.raises(UsageError):
        workspace.locate(path)


def test_links_are_never_followed(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (workspace.root / "tasks/link.md").symlink_to(tmp_path / "secret")
    (workspace.root / "candidates/up").symlink_to(tmp_path)
    for path in ("tasks/link.md", "candidates/up/secret"):
        with pytest.raises(UsageError, match="link"):
            workspace.locate(path)


def test_traces_and_tables_are_read_through_tools_only(workspace: Workspace) -> None:
    for path in ("traces/manifest.jsonl", "attempts.jsonl", "README.md"):
        with pytest.raises(NotFoundError):
            workspace.locate(path)


def test_the_overview_says_where_the_run_stands(workspace: Workspace) -> None:
    text = overview(workspace, 3)
    assert text.splitlines()[-1] == "Slot: 3"
    assert "Champion: c000" in text
    assert "Train score: 25.0% (3 of 4 attempts scored)" in text
    assert "1 passed, 2 failed, 1 missing" in text
    assert "merge-02 (1 of 1), sum-01 (1 of 2)" in text
    assert "c001 'Look before parsing': reject: not better than the champion beyond noise; train 50.0%" in text
    assert "prompts, tools, skills, orchestration, limits may change" in text


def test_a_missing_attempt_is_not_a_zero_in_the_train_score(workspace: Workspace) -> None:
    missing = [attempt for attempt in workspace.attempts if attempt.reward is None]
    assert train_score(missing).value is None
    assert str(train_score(missing)) == "no score (0 of 1 attempts scored)"
