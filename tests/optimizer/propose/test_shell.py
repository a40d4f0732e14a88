"""The proposer's shell, in real jails: it reads all of train, changes the harness alone, and finds nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from optimizer.propose import Jail, View, Workspace, choose_jail
from optimizer.propose.shell import ShellTool
from optimizer.propose.tools import SubmitTool, toolset
from task_agent.sandbox import SandboxKind, probe
from task_agent.tools.base import ToolResult, call_tool
from traces.errors import SandboxUnavailableError
from traces.store import TraceStore

SYSTEM = "prompts/system.md"
BUBBLEWRAP = pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)
DOCKER = pytest.param("docker", marks=pytest.mark.docker)
every_jail = pytest.mark.parametrize("kind", [BUBBLEWRAP, DOCKER])


class Desk:
    """A workspace with texts, its shell, and the other tools beside it."""

    def __init__(self, workspace: Workspace, kind: SandboxKind, *, view: View = "traces") -> None:
        self.workspace = workspace
        self.shell = ShellTool(workspace, partial(Jail(kind).open, workspace, view=view))
        self.submit = SubmitTool(workspace)
        self._tools = {tool.schema.name: tool for tool in toolset(workspace, self.submit, view=view, shell=self.shell)}

    async def call(self, name: str, **given: object) -> ToolResult:
        return await call_tool(self._tools[name], given)

    async def bash(self, command: str) -> ToolResult:
        return await self.call("bash", command=command)

    async def said(self, command: str) -> str:
        result = await self.bash(command)
        assert result.footer == "[exit code 0]", result
        return result.output


@pytest.fixture
def roomy(rebuild: Callable[..., Workspace], tmp_path: Path) -> Workspace:
    return rebuild(texts=tmp_path / "runs" / "run-1" / "proposer" / "text")


@pytest_asyncio.fixture
async def desk(roomy: Workspace, kind: SandboxKind) -> AsyncIterator[Desk]:
    tried = probe(kind)
    if not tried.ok:
        pytest.skip(tried.reason)
    made = Desk(roomy, kind)
    yield made
    await made.shell.close()


@every_jail
async def test_a_shell_reads_every_train_trace_candidate_and_task_as_plain_files(desk: Desk) -> None:
    names = (await desk.said("find . -name '*.txt' | sort")).split()
    assert names == [
        "./traces/text/c000/merge-02/a00.txt",
        "./traces/text/c000/merge-02/a01.txt",
        "./traces/text/c000/sum-01/a00.txt",
        "./traces/text/c000/sum-01/a01.txt",
        "./traces/text/c001/sum-01/a00.txt",
    ]
    assert (await desk.said("grep -l 'expected 8' -r traces/text | wc -l")).strip() == "5"
    assert "expected 8 in the open" in await desk.said("cat traces/text/c000/sum-01/a00.txt")
    assert "Look before parsing" in await desk.said("cat candidates/c001/about.json")
    assert "+Look first." in await desk.said("cat candidates/c001/diff.patch")
    assert "Merge the lists." in await desk.said("cat tasks/merge-02.md")
    assert '"cause": "out_of_turns"' in await desk.said("grep merge-02/a00 attempts.jsonl")
    assert "lessons/" in await desk.said("cat README.md; ls -d lessons")


@every_jail
async def test_what_a_shell_changes_in_the_harness_counts_as_an_edit_does(desk: Desk) -> None:
    await desk.call("edit_file", path=SYSTEM, new="You solve tasks.\nBe quick.\n")
    await desk.said(f"sed -i 's/Be quick/Look first/' harness/{SYSTEM}")
    await desk.said("mkdir -p harness/skills/csv; cd harness/skills/csv; printf -- '---\nname: csv\n---\n' > SKILL.md")
    assert "Look first" in (await desk.call("read_file", path=SYSTEM)).output
    await desk.call("edit_file", path=SYSTEM, old="Look first", new="Look twice")
    assert await desk.said(f"cat harness/{SYSTEM}") == "You solve tasks.\nLook twice.\n"
    await desk.said("rm -r harness/skills")
    assert set(desk.workspace.bundle().files) == {"harness.yaml", SYSTEM}


REFUSED = {
    "ln -s /etc/passwd harness/prompts/x.md": "neither a file nor a folder",
    "ln -s ../../.. harness/prompts/up": "neither a file nor a folder",
    "mkfifo harness/pipe": "neither a file nor a folder",
    "head -c 3000000 /dev/zero > harness/big": "more than",
    "cd harness; seq 600 | xargs touch": "more than",
    "rm -rf harness; ln -s /etc harness": "no folder",
    "rm -rf harness": "no folder",
    "echo x > 'harness/a b.md'": "not a path a harness may have",
}


@every_jail
async def test_links_special_files_and_too_much_are_refused_and_put_back(desk: Desk) -> None:
    before = desk.workspace.bundle()
    for made, why in REFUSED.items():
        refused = await desk.bash(f"echo changed > harness/{SYSTEM}; {made}")
        assert refused.is_error, made
        assert why in refused.footer, made
        assert desk.workspace.bundle() == before, made
    assert await desk.said(f"find harness -type f | wc -l; cat harness/{SYSTEM}") == f"2\n{before.prompt('main')}"


@every_jail
async def test_the_edit_surface_is_enforced_on_what_a_shell_changed(desk: Desk) -> None:
    await desk.said("printf 'name: seed\nmodels: {main: {effort: max}}\n' > harness/harness.yaml")
    claim = {
        "title": "t",
        "hypothesis": "h",
        "refuted_by": "r",
        "evidence": ["c000/sum-01/a00"],
        "prediction": {"fixes": ["sum-01"], "at_risk": []},
    }
    refused = await desk.call("submit_change", **claim)
    assert refused.is_error
    assert desk.submit.proposal is None
    await desk.said(f"printf 'name: seed\n' > harness/harness.yaml; echo 'Look first.' > harness/{SYSTEM}")
    assert (await desk.call("submit_change", **claim)).ends_run
    assert desk.submit.proposal is not None
    assert desk.submit.proposal.bundle.prompt("main") == "Look first.\n"


@every_jail
async def test_each_command_has_a_shell_of_its_own_and_files_stay(desk: Desk) -> None:
    await desk.said("cd harness; X=1; exec 2>&1; echo kept > /tmp/note")
    assert await desk.said("pwd; echo [$X]; cat /tmp/note") == "/workspace\n[]\nkept\n"
    assert (await desk.bash("exit 3")).footer == "[exit code 3]"
    assert (await desk.bash("echo 'unclosed")).is_error is False
    assert await desk.said("echo still here") == "still here\n"


@every_jail
async def test_everything_but_the_harness_is_read_only_and_there_is_no_network(desk: Desk) -> None:
    for place in ("candidates/c001/about.json", "tasks/sum-01.md", "attempts.jsonl", "traces/text/c000/sum-01/a00.txt"):
        assert (await desk.bash(f"echo x >> {place}")).footer != "[exit code 0]"
    reach = "import socket; socket.create_connection(('127.0.0.1', 80), 2)"
    assert (await desk.bash(f'python3 -c "{reach}"')).footer != "[exit code 0]"
    assert "eth0" not in await desk.said("cat /proc/net/dev")


@every_jail
async def test_the_runs_own_traces_are_shown_without_a_copy_and_cannot_be_changed(desk: Desk) -> None:
    store = TraceStore(desk.workspace.root.parent.parent / "traces")
    sealed = [store.root / segment.path for segment in store.segments() if segment.split == "train"]
    before = [(path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in sealed]
    assert all(path.samefile(desk.workspace.store.root / path.relative_to(store.root)) for path in sealed)
    every = "find /workspace/traces -type f"
    for attack in ("chmod a+rwx", "truncate -s 0", "tee -a", "touch", "shred -u", "rm -f", "cp /etc/passwd"):
        await desk.said(f"{every} | while read f; do ! {attack} $f </etc/passwd >/dev/null 2>&1 || exit 1; done")
    assert int(await desk.said(f"{every} | wc -l")) > 6
    assert [(path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns) for path in sealed] == before
    store.recover()
    assert store.set_aside == ()


@every_jail
async def test_a_session_is_shown_no_text_that_another_had_rendered(roomy: Workspace, kind: SandboxKind) -> None:
    assert roomy.texts is not None
    tried = roomy.texts / "s002-1f5e0a/sum-01/a00.1.txt"
    tried.parent.mkdir(parents=True)
    tried.write_text("what a session of the same round tries")
    desk = Desk(roomy, kind)
    try:
        assert (await desk.bash("find / -name '*s002*' 2>/dev/null; grep -rs 'same round' .")).output == ""
        assert await desk.said("find traces/text -type f | wc -l") == "5\n"
    finally:
        await desk.shell.close()


@every_jail
async def test_blanked_traces_are_blank_for_a_shell_too(roomy: Workspace, kind: SandboxKind) -> None:
    desk = Desk(roomy, kind, view="blanked")
    try:
        assert (await desk.said("find / -name '*.parquet' -o -name 'a0?.txt' 2>/dev/null | wc -l")).strip() == "0"
        assert "not shown" in await desk.said("cat README.md; ls query.py 2>&1 || true")
        assert (await desk.bash("grep -rs 'in the open' . /tmp /logs")).footer == "[exit code 1]"
    finally:
        await desk.shell.close()


@pytest.mark.bubblewrap
@pytest.mark.parametrize("kind", ["bubblewrap"])
async def test_sql_in_the_jail_sees_train_alone_and_no_file_outside_it(desk: Desk, canary: str) -> None:
    if not Jail("bubblewrap").has_sql:
        pytest.skip("the jail's Python is of another version than DuckDB's")
    rows = await desk.said('python3 query.py "SELECT split, count(DISTINCT attempt) AS n FROM events GROUP BY 1"')
    assert rows == '{"split": "train", "n": 5}\n'
    reach = "SELECT file FROM glob('/**') UNION ALL SELECT content FROM read_text('/proc/self/mountinfo')"
    for sql in (f"{reach} UNION ALL SELECT value FROM duckdb_settings()", "SELECT * FROM events"):
        result = await desk.bash(f'python3 query.py "{sql}"')
        assert len(result.output) > 1000, result
        assert canary not in result.text, sql
        assert str(desk.workspace.root.parent.parent) not in result.text, sql
    assert (await desk.bash("python3 query.py 'SELECT nothing'")).footer == "[exit code 1]"


async def test_without_isolation_there_is_no_shell(workspace: Workspace) -> None:
    with pytest.raises(SandboxUnavailableError, match="not run in the process sandbox"):
        Jail("process").open(workspace, view="traces")
    assert choose_jail("none", "bubblewrap") is None
    names = [tool.schema.name for tool in toolset(workspace, SubmitTool(workspace))]
    assert "bash" not in names


@every_jail
def test_a_kind_asked_for_is_taken_and_auto_follows_the_tasks(kind: SandboxKind) -> None:
    if not probe(kind).ok:
        pytest.skip(probe(kind).reason)
    assert choose_jail(kind, "process") == Jail(kind)
    assert choose_jail("auto", kind) == Jail(kind)
    chosen = choose_jail("auto", "process")
    assert chosen is not None
    assert chosen.kind in ("bubblewrap", "docker")
