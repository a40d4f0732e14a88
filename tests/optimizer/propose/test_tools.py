from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from optimizer.propose import PROPOSER_TOOLS, Digest, View, Workspace
from optimizer.propose._reading import OUTPUT_CHARS
from optimizer.propose.tools import SubmitTool, toolset
from task_agent.tools.base import ToolResult, call_tool

CLAIM = {
    "title": "Look first",
    "hypothesis": "The header is not in the first row.",
    "refuted_by": "It fails as often with the header found.",
    "evidence": ["c000/sum-01/a00"],
    "prediction": {"fixes": ["sum-01"], "at_risk": []},
}


class Bench:
    """Call the tools of one session by name."""

    def __init__(self, workspace: Workspace, *, view: View = "traces") -> None:
        self.workspace = workspace
        self.submit = SubmitTool(workspace)
        tools = toolset(workspace, self.submit, view=view)
        self._tools = {tool.schema.name: tool for tool in tools}

    async def __call__(self, name: str, /, **given: Any) -> ToolResult:
        return await call_tool(self._tools[name], given)

    async def ok(self, name: str, /, **given: Any) -> str:
        result = await self(name, **given)
        assert not result.is_error, result.text
        return result.text

    async def error(self, name: str, /, **given: Any) -> str:
        result = await self(name, **given)
        assert result.is_error, result.text
        return result.text


@pytest.fixture
def bench(workspace: Workspace) -> Bench:
    return Bench(workspace)


def names(workspace: Workspace, view: View) -> list[str]:
    return [tool.schema.name for tool in toolset(workspace, SubmitTool(workspace), view=view)]


DIGEST = Digest("c000/sum-01/a00", "adds the header", 3, "I add. in the open", "It added the header line up.")


def test_all_tools_are_offered_in_their_order_once_there_are_digests(rebuild: Callable[..., Workspace]) -> None:
    assert names(rebuild(digests=[DIGEST]), "traces") == [schema.name for schema in PROPOSER_TOOLS]
    assert "read_digest" not in names(rebuild(), "traces")


def test_a_view_hides_what_it_says(workspace: Workspace) -> None:
    changing = ["read_file", "edit_file", "submit_change"]
    assert names(workspace, "scores") == ["list_attempts", *changing]
    assert names(workspace, "digests") == ["list_attempts", "list_clusters", "read_digest", *changing]
    assert names(workspace, "blanked") == names(workspace, "traces")


async def test_clusters_lead_to_attempts_and_events(bench: Bench) -> None:
    rows = [json.loads(line) for line in (await bench.ok("list_clusters")).splitlines()]
    assert [(row["cluster"], row["basis"], row["attempts"], row["missing"]) for row in rows] == [
        ("expected-in-the-open", "check", 1, 0),
        ("out-of-turns", "ending", 1, 0),
        ("sandbox-lost", "ending", 1, 1),
    ]
    assert rows[1]["examples"] == ["c000/merge-02/a00 at [6]"]
    whole = json.loads(await bench.ok("list_clusters", cluster="out-of-turns"))
    assert whole["members"] == ["c000/merge-02/a00 at [6]"]
    assert "no cluster" in await bench.error("list_clusters", cluster="out-of-luck")
    assert "no failing train attempt of c001" in await bench.ok("list_clusters", candidate="c001")


async def test_a_digest_names_a_cause_and_stands_beside_the_trace(rebuild: Callable[..., Workspace]) -> None:
    bench = Bench(rebuild(digests=[DIGEST]))
    assert "cause: adds the header" in await bench.ok("read_digest", attempt="c000/sum-01/a00")
    assert "no digest" in await bench.error("read_digest", attempt="c000/merge-02/a00")
    first = json.loads((await bench.ok("list_clusters", task="sum-01")).splitlines()[0])
    assert (first["cause"], first["basis"], first["examples"]) == (
        "adds the header",
        "digest",
        ["c000/sum-01/a00 at [3]"],
    )
    assert "It added the header line up." in await bench.ok("list_clusters", cluster="adds-the-header")


async def test_two_attempts_of_one_task_are_set_side_by_side(bench: Bench) -> None:
    page = await bench.ok("compare_attempts", passing="c000/sum-01/a01", failing="c000/sum-01/a00")
    assert "left: c000/sum-01/a01 passed" in page
    assert "the same from beginning to end" in page
    assert len(page) <= OUTPUT_CHARS + 200
    refused = await bench.error("compare_attempts", passing="c000/sum-01/a01", failing="c000/merge-02/a00")
    assert "different tasks" in refused
    for wrong in ("c000/held/a00", "c000/sum-01/a09"):
        assert "no attempt" in await bench.error("compare_attempts", passing=wrong, failing="c000/sum-01/a00")


async def test_attempts_are_listed_as_json_lines_the_champions_first(bench: Bench) -> None:
    rows = [json.loads(line) for line in (await bench.ok("list_attempts")).splitlines()]
    assert rows[0] == {
        "attempt": "c000/merge-02/a00",
        "task": "merge-02",
        "reward": 0.0,
        "cause": "out_of_turns",
        "turns": 30,
    }
    assert [row["attempt"][:4] for row in rows] == ["c000"] * 4 + ["c001"]
    assert rows[1]["reward"] is None


async def test_attempts_are_filtered(bench: Bench) -> None:
    text = await bench.ok("list_attempts", candidate="c000", outcome="failed", task="sum-01")
    assert [json.loads(line)["attempt"] for line in text.splitlines()] == ["c000/sum-01/a00"]
    assert "a01" in await bench.ok("list_attempts", outcome="missing")


async def test_a_cut_list_says_how_to_narrow(bench: Bench) -> None:
    lines = (await bench.ok("list_attempts", limit=2)).splitlines()
    assert len(lines) == 3
    assert lines[-1] == "showing 2 of 5; add candidate, outcome or task, or raise limit"


async def test_a_filter_that_names_nothing_says_what_comes_close(bench: Bench) -> None:
    assert "did you mean sum-01?" in await bench.ok("list_attempts", task="sum-1")
    assert await bench.ok("list_attempts", candidate="c001", outcome="failed") == "no attempt fits"


async def test_a_trace_reads_from_instruction_to_verdict(bench: Bench) -> None:
    text = await bench.ok("read_trace", attempt="c000/sum-01/a00")
    for part in ("Add up the column.", "I add. in the open", "$ cat in the open", "expected 8", "reward 0.0"):
        assert part in text


async def test_a_trace_is_narrowed_by_kind_and_by_expression(bench: Bench) -> None:
    only = await bench.ok("read_trace", attempt="c000/sum-01/a00", only="tool, verifier")
    assert "I add." not in only
    assert "expected 8" in only
    grepped = await bench.ok("read_trace", attempt="c000/sum-01/a00", grep="(?i)EXPECTED [0-9]+")
    assert "expected 8" in grepped
    assert "$ cat" not in grepped


async def test_wrong_ids_kinds_and_expressions_are_answers(bench: Bench) -> None:
    assert "did you mean" in await bench.error("read_trace", attempt="c000/sum-01/a09")
    assert "no kind of event" in await bench.error("read_trace", attempt="c000/sum-01/a00", only="dreams")
    assert "not a regular expression" in await bench.error("read_trace", attempt="c000/sum-01/a00", grep="(")
    assert "`attempt` is missing" in await bench.error("read_trace")
    assert "unknown `limt`" in await bench.error("list_attempts", limt=3)


async def test_traces_answer_questions_in_sql(bench: Bench) -> None:
    sql = "SELECT candidate, count(DISTINCT attempt) AS n FROM events GROUP BY 1 ORDER BY 1"
    rows = [json.loads(line) for line in (await bench.ok("query_traces", sql=sql)).splitlines()]
    assert rows == [{"candidate": "c000", "n": 4}, {"candidate": "c001", "n": 2}]


async def test_wrong_sql_is_an_answer_that_names_the_columns(bench: Bench) -> None:
    text = await bench.error("query_traces", sql="SELECT rewrd FROM events")
    assert "columns" in text
    assert "no rows" in await bench.ok("query_traces", sql="SELECT 1 FROM events WHERE false")


async def test_a_long_answer_is_cut_and_says_how_to_narrow(bench: Bench) -> None:
    text = await bench.ok("query_traces", sql="SELECT repeat('x', 1000) AS x FROM events, range(20)")
    assert len(text) < OUTPUT_CHARS + 500
    assert "narrow with WHERE" in text
    one = await bench.ok("query_traces", sql="SELECT repeat('x', 1000000) AS x")
    assert len(one) < 5_000


async def test_the_harness_is_listed_and_read(bench: Bench) -> None:
    assert await bench.ok("read_file", path=".") == "harness.yaml\nprompts/system.md"
    assert "Be quick." in await bench.ok("read_file", path="prompts/system.md")
    assert "Be quick." in await bench.ok("read_file", path="harness/prompts/system.md")
    assert await bench.ok("read_file", path="candidates") == "candidates/c001/"
    assert "+Look first." in await bench.ok("read_file", path="candidates/c001/diff.patch")
    assert "merge-02" in await bench.ok("read_file", path="tasks/index.jsonl")
    assert "no file 'prompts/nothing.md'" in await bench.error("read_file", path="prompts/nothing.md")


async def test_a_file_is_changed_created_and_deleted(bench: Bench, workspace: Workspace) -> None:
    assert await bench.ok("edit_file", path="prompts/system.md", old="Be quick.", new="Look first.") == (
        "changed prompts/system.md"
    )
    await bench.ok("edit_file", path="skills/look/SKILL.md", new="---\nname: look\ndescription: Look.\n---\nLook.\n")
    assert b"Look first." in workspace.bundle().files["prompts/system.md"]
    assert "skills/look/SKILL.md" in workspace.bundle().files
    assert await bench.ok("edit_file", path="skills/look/SKILL.md", new="") == "deleted skills/look/SKILL.md"
    assert not (workspace.harness / "skills").exists()


async def test_an_edit_that_does_not_fit_is_refused(bench: Bench, workspace: Workspace) -> None:
    assert "occurs 0 times" in await bench.error("edit_file", path="prompts/system.md", old="Be slow.", new="x")
    assert "occurs 3 times" in await bench.error("edit_file", path="prompts/system.md", old="e ", new="x")
    assert "did you mean `prompts/system.md`?" in await bench.error(
        "edit_file", path="prompt/system.md", old="a", new="b"
    )
    assert "no file" in await bench.error("edit_file", path="prompts/none.md", new="")
    assert "not changed" in await bench.error("edit_file", path="tasks/sum-01.md", new="easier")
    assert workspace.bundle() == workspace.champion


async def test_an_edit_outside_the_surface_is_refused_and_not_made(bench: Bench, workspace: Workspace) -> None:
    model = await bench.error("edit_file", path="harness.yaml", new="name: seed\nmodels: {main: {effort: high}}\n")
    assert "area `model` is locked" in model
    assert "not part of a harness" in await bench.error("edit_file", path="verifier/test.sh", new="exit 0")
    assert workspace.bundle() == workspace.champion


async def test_a_harness_in_between_may_be_broken_but_not_submitted(bench: Bench) -> None:
    text = await bench.ok("edit_file", path="harness.yaml", new="name: seed\nlimits: {turns: many}\n")
    assert "does not load" in text
    assert "limits.turns" in await bench.error("submit_change", **CLAIM)
    await bench.ok("edit_file", path="harness.yaml", new="name: seed\nlimits: {turns: 40}\n")
    await bench.ok("submit_change", **CLAIM)


async def test_a_submission_holds_the_whole_harness_and_the_claim(bench: Bench) -> None:
    await bench.ok("edit_file", path="prompts/system.md", old="Be quick.", new="Look first.")
    result = await bench("submit_change", **{**CLAIM, "title": "Look\n first " + "x" * 200})
    assert result.ends_run
    proposal = bench.submit.proposal
    assert proposal is not None
    assert b"Look first." in proposal.bundle.files["prompts/system.md"]
    assert proposal.title.startswith("Look first xxx")
    assert len(proposal.title) == 120
    assert proposal.prediction.fixes == ("sum-01",)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"evidence": []}, "`evidence` is empty"),
        ({"evidence": ["c000/sum-01/a77"]}, "no attempt 'c000/sum-01/a77'; did you mean"),
        ({"evidence": [1]}, "must be a list of strings"),
        ({"title": "  "}, "`title` is empty"),
        ({"hypothesis": ""}, "`hypothesis` is empty"),
        ({"refuted_by": " "}, "`refuted_by` is empty"),
        ({"prediction": {"fixes": [], "at_risk": []}}, "`prediction.fixes` is empty"),
        ({"prediction": {"fixes": ["sum-99"], "at_risk": []}}, "no train task 'sum-99'; did you mean"),
        ({"prediction": {"fixes": "sum-01"}}, "`prediction.fixes` must be a list"),
        ({"prediction": "better"}, "must be of type object"),
        ({"lesson": "word " * 61}, "`lesson` has 304 characters, and at most 300 are remembered"),
        ({"lessons_used": ["l-abcdef"]}, "`lessons_used` names lessons, and this session was told of none"),
    ],
)
async def test_a_claim_that_does_not_hold_is_refused(bench: Bench, change: dict[str, Any], complaint: str) -> None:
    await bench.ok("edit_file", path="prompts/system.md", new="Look first.\n")
    assert complaint in await bench.error("submit_change", **{**CLAIM, **change})
    assert bench.submit.proposal is None


async def test_a_change_stands_on_lessons_that_its_session_was_told_alone(bench: Bench) -> None:
    bench.workspace.write_lessons(["- rules:"], ["l-abcdef", "l-123456"])
    await bench.ok("edit_file", path="prompts/system.md", new="Look first.\n")
    unknown = await bench.error("submit_change", **{**CLAIM, "lessons_used": ["l-abcdeg"]})
    assert "no lesson 'l-abcdeg'; did you mean" in unknown
    await bench.ok("submit_change", **{**CLAIM, "lesson": "word " * 60, "lessons_used": ["l-abcdef"]})
    assert bench.submit.proposal is not None
    assert bench.submit.proposal.lessons_used == ("l-abcdef",)
    assert len(bench.submit.proposal.lesson) == 299


async def test_no_change_is_no_submission(bench: Bench) -> None:
    assert "nothing has changed" in await bench.error("submit_change", **CLAIM)


async def test_an_unfinished_attempt_is_evidence_too(bench: Bench) -> None:
    await bench.ok("edit_file", path="prompts/system.md", new="Look first.\n")
    await bench.ok("submit_change", **{**CLAIM, "evidence": ["c001/merge-02/a00"]})
    assert bench.submit.proposal is not None
    assert tuple(bench.submit.proposal.evidence) == ("c001/merge-02/a00",)


async def test_blank_traces_show_that_attempts_exist_and_nothing_of_them(workspace: Workspace) -> None:
    blank = Bench(workspace, view="blanked")
    assert "in the open" not in await blank.ok("read_trace", attempt="c000/sum-01/a00")
    assert await blank.ok("query_traces", sql="SELECT text FROM events") == "no rows"
    assert await blank.ok("list_clusters") == "(this session shows no traces)"
    pair = {"passing": "c000/sum-01/a01", "failing": "c000/sum-01/a00"}
    assert "in the open" not in await blank.ok("compare_attempts", **pair)
    assert "c000/sum-01/a00" in await blank.ok("list_attempts")
    assert "no attempt" in await blank.error("read_trace", attempt="c000/none/a00")


async def test_no_answer_names_a_place_on_this_machine(bench: Bench, workspace: Workspace) -> None:
    (workspace.harness / "prompts/link.md").symlink_to("/etc/passwd")
    for text in (
        await bench.error("edit_file", path="prompts/system.md", new="x"),
        await bench.error("read_file", path="prompts/link.md"),
        await bench.error("submit_change", **CLAIM),
    ):
        assert str(workspace.root) not in text
        assert "link" in text
