"""A program as the proposer, in real jails: the same walls, and the same checks of what it submits."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from optimizer.propose import (
    Assignment,
    Jail,
    Journal,
    Program,
    ProposalOutcome,
    SessionLimits,
    SubmitTool,
    Workspace,
    choose_jail,
)
from task_agent.sandbox import SandboxKind, probe
from traces import EventKind, MemoryRecorder
from traces.errors import SandboxUnavailableError
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


HALF = SUBMIT.replace("Look first", "Look \\ud800 first")
REFUSED = {
    "true": "^it ended with status 0 and wrote no submission.json and no output$",
    "echo one; echo two $SECRET_WORD >&2; exit 3": (
        "^it ended with status 3 and wrote no submission.json; its output ends:\none\ntwo <SECRET_WORD>$"
    ),
    SUBMIT: "nothing has changed",
    f"{EDIT}; echo '{{' > submission.json": "is no JSON",
    f"{EDIT}; {HALF}": "the submission was refused: .*half a surrogate pair",
    f"{EDIT}; printf '%050000d' 0 | tr 0 '[' > submission.json": "the submission was refused: .*nested too deeply",
    f"{EDIT}; echo '[1]' > submission.json": "must be a JSON object",
    f"{EDIT}; echo '{{}}' > submission.json": "`title` is missing",
    f"{EDIT}; {SUBMIT.replace('c000/sum-01/a00', 'c000/made-up/a00')}": "c000/made-up/a00",
    f"ln -s /etc/passwd harness/x.md; {EDIT}; {SUBMIT}": "neither a file nor a folder",
    f"{EDIT}; ln -s /etc/passwd submission.json": "wrote no submission.json",
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


@in_bubblewrap
async def test_a_submission_counts_whatever_status_its_program_ends_with(roomy: Workspace, kind: SandboxKind) -> None:
    outcome = await run(roomy, shell(kind, f"{EDIT}; {SUBMIT}\nexit 3"))
    assert (outcome.end, outcome.reason) == ("submitted", "")


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


ASK = """import json, pathlib, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=10) as reply:
        said = reply.read().decode()
except OSError as error:
    sys.exit(f"refused: {error}")
pathlib.Path("harness/prompts/system.md").write_text(said)
pathlib.Path("submission.json").write_text(pathlib.Path("/proposer/claim.json").read_text())
"""


def asking(folder: Path, jail: Jail, url: str) -> Program:
    folder.mkdir(exist_ok=True)
    (folder / "ask.py").write_text(ASK)
    (folder / "claim.json").write_text(json.dumps(CLAIM))
    return Program(("python3", "/proposer/ask.py", url), jail, folder)


@pytest.fixture
def neighbour() -> Iterator[str]:
    """A web server in a container of its own on the engine's bridge, which no packet leaves."""
    import docker

    if not probe("docker").ok:
        pytest.skip("no docker here")
    client = docker.from_env()
    serve = "mkdir /w && cd /w && echo 'Look at the header first.' > index.html && exec python3 -m http.server 8000"
    box = client.containers.run(
        "ratchet-base:bookworm", entrypoint=["sh", "-c", serve], detach=True, network_mode="bridge"
    )
    try:
        answers = "import urllib.request as u; u.urlopen('http://127.0.0.1:8000', timeout=1)"
        until = f'for i in $(seq 50); do python3 -c "{answers}" && exit 0; sleep 0.1; done; exit 1'
        assert box.exec_run(["sh", "-c", until]).exit_code == 0
        box.reload()
        yield f"http://{box.attrs['NetworkSettings']['Networks']['bridge']['IPAddress']}:8000/"
    finally:
        box.remove(force=True)
        client.close()


@pytest.mark.docker
@pytest.mark.parametrize("network", [True, False])
async def test_a_program_reaches_the_network_where_it_is_given_one_and_nothing_where_it_is_not(
    roomy: Workspace, neighbour: str, tmp_path: Path, network: bool
) -> None:
    recorder = MemoryRecorder()
    program = asking(tmp_path / "mine", Jail("docker", network=network), neighbour)
    outcome = await run(roomy, program, recorder=recorder)
    printed = next(event.text or "" for event in recorder.events if event.kind is EventKind.TOOL_RESULT)
    if network:
        assert (outcome.end, outcome.reason) == ("submitted", "")
        assert outcome.proposal is not None
        assert outcome.proposal.bundle.prompt("main") == "Look at the header first.\n"
        assert (outcome.cost_usd, outcome.unpriced_requests) == (None, 1)
    else:
        assert (outcome.end, outcome.proposal) == ("no_change", None)
        assert "Network is unreachable" in printed
        assert (outcome.cost_usd, outcome.unpriced_requests) == (0.0, 0)


@every_jail
async def test_what_listens_on_this_machines_loopback_is_out_of_a_programs_reach(
    roomy: Workspace, kind: SandboxKind, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("Look here.")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        with urlopen(url) as here:
            assert here.read() == b"Look here."
        for network in {False, kind == "docker"}:
            outcome = await run(roomy, asking(tmp_path / "mine", Jail(kind, network=network), url))
            assert (outcome.end, outcome.proposal) == ("no_change", None)
        server.shutdown()


@in_bubblewrap
async def test_bubblewrap_refuses_a_program_that_is_to_have_a_network(roomy: Workspace, kind: SandboxKind) -> None:
    with pytest.raises(SandboxUnavailableError, match="no network"):
        await run(roomy, Program(("true",), Jail(kind, network=True)))
    with pytest.raises(SandboxUnavailableError):
        Jail(kind, network=True).open(roomy)


@pytest.mark.docker
def test_a_network_alone_makes_the_jail_docker() -> None:
    if not probe("docker").ok:
        pytest.skip("no docker here")
    assert choose_jail("auto", "bubblewrap", network=True) == Jail("docker", network=True)


async def test_what_a_program_with_a_network_spends_is_not_called_free(workspace: Workspace) -> None:
    program = Program(("true",), Jail("docker", network=True))
    outcome = program._outcome(SubmitTool(workspace), "no_change", "nothing")
    assert (outcome.cost_usd, outcome.unpriced_requests) == (None, 1)
