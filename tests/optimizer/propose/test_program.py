"""A program as the proposer, in real jails: the same walls, and the same checks of what it submits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimizer.propose import Assignment, Jail, Journal, Program, ProposalOutcome, SessionLimits, SubmitTool, Workspace
from task_agent.sandbox import SandboxKind, probe
from traces import EventKind, MemoryRecorder
from traces.recorder import Recorder

BUBBLEWRAP = pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)
DOCKER = pytest.param("docker", marks=pytest.mark.docker)
every_jail = pytest.mark.parametrize("kind", [BUBBLEWRAP, DOCKER], indirect=True)
in_bubblewrap = pytest.mark.parametrize("kind", [BUBBLEWRAP], indirect=True)

CLAIM = {
    "title": "Look first",
    "hypothesis": "The header is not in the first row.",
    "evidence": ["c000/sum-01/a00"],
    "prediction": {"fixes": ["sum-01"], "at_risk": []},
    "refuted_by": "The next attempts at sum-01 fail as well.",
}
EDIT = "echo 'Look first.' > harness/prompts/system.md"
SUBMIT = f"cat > submission.json <<'END'\n{json.dumps(CLAIM)}\nEND"
AGENT = """import json, pathlib, sys
task = pathlib.Path("TASK.md").read_text()
texts = sorted(pathlib.Path("traces/text").rglob("*.txt"))
failed = [path for path in texts if "expected 8" in path.read_text()]
print("read", len(texts), "traces,", len(failed), "failed; told of c000:", "Champion: c000" in task)
pathlib.Path("harness/prompts/system.md").write_text("Look first.\\n")
claim = json.loads(pathlib.Path("/proposer/claim.json").read_text())
claim["evidence"] = ["/".join(path.with_suffix("").parts[-3:]) for path in failed[:2]]
pathlib.Path("submission.json").write_text(json.dumps(claim))
"""


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    tried = probe(request.param)
    if not tried.ok:
        pytest.skip(f"no {tried.kind} here: {tried.reason}")
    return tried.kind


@pytest.fixture
def roomy(rebuild: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    return rebuild(texts=tmp_path / "runs/run-1/proposer/text")


async def run(
    workspace: Workspace,
    program: Program,
    *,
    recorder: Recorder | None = None,
    journal: Journal | None = None,
    **limits: Any,  # Any: fields of SessionLimits
) -> ProposalOutcome:
    given = Assignment(
        workspace,
        SubmitTool(workspace),
        "Champion: c000",
        recorder or MemoryRecorder(),
        SessionLimits(**limits),
        journal or Journal(),
    )
    return await program.propose(given)


def shell(kind: SandboxKind, script: str, **more: Any) -> Program:  # Any: fields of Program
    return Program(("sh", "-c", script), Jail(kind), **more)


@every_jail
async def test_a_program_reads_traces_changes_the_harness_and_submits(
    roomy: Workspace, kind: SandboxKind, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "agent.py").write_text(AGENT)
    (folder / "claim.json").write_text(json.dumps(CLAIM))
    recorder = MemoryRecorder()
    program = Program(("python3", "/proposer/agent.py"), Jail(kind), folder)
    outcome = await run(roomy, program, recorder=recorder)
    assert (outcome.end, outcome.reason) == ("submitted", "")
    assert outcome.proposal is not None
    assert outcome.proposal.bundle.prompt("main") == "Look first.\n"
    assert outcome.proposal.evidence == ("c000/merge-02/a00", "c000/merge-02/a01")
    said = next(event for event in recorder.events if event.kind is EventKind.TOOL_RESULT)
    assert said.text == "read 5 traces, 5 failed; told of c000: True\n[exit code 0]"
    assert {event.agent for event in recorder.events} == {"program"}
    assert (outcome.cost_usd, outcome.unpriced_requests) == (0.0, 0)


REFUSED = {
    "true": "left no file|no regular file|no file",
    SUBMIT: "nothing has changed",
    f"{EDIT}; echo '{{' > submission.json": "is no JSON",
    f"{EDIT}; echo '[1]' > submission.json": "must be a JSON object",
    f"{EDIT}; echo '{{}}' > submission.json": "`title` is missing",
    f"{EDIT}; {SUBMIT.replace('c000/sum-01/a00', 'c000/made-up/a00')}": "c000/made-up/a00",
    f"ln -s /etc/passwd harness/x.md; {EDIT}; {SUBMIT}": "neither a file nor a folder",
    f"{EDIT}; ln -s /etc/passwd submission.json": "no regular file|no file",
    f"{EDIT}; head -c 200000 /dev/zero > submission.json": "larger than",
    f"printf 'name: seed\nmodels: {{main: {{effort: max}}}}\n' > harness/harness.yaml; {SUBMIT}": "",
    f"{EDIT}; echo key-$SECRET_WORD >> harness/prompts/system.md; {SUBMIT}": "holds the value of SECRET_WORD",
}


@every_jail
async def test_what_a_program_submits_is_checked_as_any_submission(roomy: Workspace, kind: SandboxKind) -> None:
    before = roomy.bundle()
    scripts = dict(list(REFUSED.items())[:5]) if kind == "docker" else REFUSED
    for script, why in scripts.items():
        roomy.put_back(before.files)
        outcome = await run(roomy, shell(kind, script, secrets={"SECRET_WORD": "open-sesame"}))
        assert (outcome.end, outcome.proposal) == ("no_change", None), script
        assert re.search(why, outcome.reason), (script, outcome.reason)
        assert "open-sesame" not in outcome.reason


@every_jail
async def test_a_program_has_the_jails_walls_and_only_the_variables_it_is_given(
    roomy: Workspace, kind: SandboxKind, canary: str
) -> None:
    recorder = MemoryRecorder()
    root = roomy.root.parent.parent
    look = f"env; cat /proc/*/environ; ls -R {root}; cat {root}/ledger.sqlite; grep -rs held . /tmp; cat /proc/net/dev"
    outcome = await run(roomy, shell(kind, f"{look}; echo $MINE", secrets={"MINE": "sesame-0815"}), recorder=recorder)
    printed = "".join(event.text or "" for event in recorder.events)
    assert "MINE=<MINE>" in printed
    assert "sesame-0815" not in f"{printed}{outcome}"
    assert canary not in printed
    assert "eth0" not in printed
    assert "PLANTED_API_KEY" not in printed


@in_bubblewrap
async def test_a_program_is_ended_with_its_time_and_its_output_is_bounded(roomy: Workspace, kind: SandboxKind) -> None:
    recorder = MemoryRecorder()
    outcome = await run(roomy, shell(kind, "yes | head -c 3000000; sleep 60"), recorder=recorder, time_s=2.0)
    assert (outcome.end, outcome.reason) == ("limit", "the program's time was up")
    assert len(next(e.text or "" for e in recorder.events if e.kind is EventKind.TOOL_RESULT)) < 500_000


@in_bubblewrap
async def test_a_program_that_ended_is_not_run_again(roomy: Workspace, kind: SandboxKind, tmp_path: Path) -> None:
    path = tmp_path / "steps.jsonl"
    first = await run(roomy, shell(kind, f"{EDIT}; date +%s%N; {SUBMIT}"), journal=Journal(path))
    roomy.put_back(roomy.champion.files)
    recorder = MemoryRecorder()
    again = await run(roomy, shell(kind, f"{EDIT}; date +%s%N; {SUBMIT}"), journal=Journal(path), recorder=recorder)
    assert first.proposal == again.proposal is not None
    kept = json.loads(path.read_text().splitlines()[-1])
    assert kept["result"]["output"] in next(e.text or "" for e in recorder.events if e.kind is EventKind.TOOL_RESULT)


async def test_what_a_program_with_a_network_spends_is_not_called_free(workspace: Workspace) -> None:
    program = Program(("true",), Jail("docker", network=True))
    outcome = program._outcome(SubmitTool(workspace), "no_change", "nothing")
    assert (outcome.cost_usd, outcome.unpriced_requests) == (None, 1)
