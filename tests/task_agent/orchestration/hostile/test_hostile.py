"""Every attack meets the real jail, beside a real sandbox of each kind that has walls."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from optimizer.failure import classify
from task_agent.errors import AttemptError
from task_agent.harness import HarnessBundle, validate
from task_agent.meter import Meter
from task_agent.models.scripted import ScriptedModel, say
from task_agent.orchestration import Ctx, TaskView, _jailed, budget_for, run_harness
from task_agent.orchestration.broker import Broker
from task_agent.orchestration.code import open_jails
from task_agent.orchestration.opening import ModelChoice
from task_agent.sandbox import SandboxSpec, open_sandbox
from task_agent.sandbox.base import Sandbox, SandboxKind
from task_agent.sandbox.code_jail import CodeJail, CodeJails
from task_agent.tools import ScriptedSandbox
from traces.event import EventKind
from traces.recorder import MemoryRecorder

from .attacks import ATTACKS, OTHER_MACHINES, TIME, Attack, code_of

pytestmark = pytest.mark.bubblewrap
ALL = [*ATTACKS, *(OTHER_MACHINES if platform.machine() == "x86_64" else [])]
KINDS = [pytest.param("bubblewrap"), pytest.param("docker", marks=pytest.mark.docker)]
NAME = f"ratchet-hostile-{os.getpid()}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep a secret where anybody on the host may read it."""
    path = tmp_path_factory.mktemp("host")
    for folder in (path, *list(path.parents)[:2]):
        folder.chmod(0o755)
    (path / "secret").write_text("secret")
    return path


@pytest.fixture(scope="module")
def listening() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{NAME}")
        listener.setblocking(False)
        yield listener


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jails() -> AsyncIterator[CodeJails]:
    """Keep one worker's jails for all attacks, so that each also meets what the others left."""
    opened = open_jails()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(params=KINDS, loop_scope="module")
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    kind: SandboxKind = request.param
    image = "ratchet-base:bookworm" if kind == "docker" else None
    opened = open_sandbox(kind, SandboxSpec(workdir="/work", image=image))
    yield opened
    await opened.close()


class Held:
    """What came of an attack."""

    def __init__(self) -> None:
        self.text = self.cause = self.detail = ""
        self.recorder = MemoryRecorder()

    @property
    def refused(self) -> list[str]:
        events = [event for event in self.recorder.events if event.name == "refused"]
        assert all(event.kind is EventKind.ERROR and event.agent == "orchestration" for event in events)
        return [f"{event.data['refused']} {event.data['detail']}" for event in events]


def harness(place: Path, *, time_s: float) -> HarnessBundle:
    """Make the harness of all attacks; it is a valid one."""
    files = {
        "harness.yaml": f"name: hostile\norchestration: {{pattern: code}}\nlimits: {{turns: 2, time_s: {time_s}}}\n",
        "prompts/system.md": "Be brief.\n",
        "orchestration.py": code_of(ALL).replace("PLACE", str(place)).replace("HOST", NAME),
    }
    bundle = HarnessBundle({path: text.encode() for path, text in files.items()})
    validate(bundle)
    return bundle


async def attempt(attack: Attack, sandbox: Sandbox, jails: CodeJails, place: Path) -> Held:
    bundle, held = harness(place, time_s=0.7 if attack.ends == TIME else 60.0), Held()
    try:
        outcome = await run_harness(
            bundle,
            TaskView(str(ALL.index(attack)), "/work"),
            client=ScriptedModel([say("a"), say("b"), say("c")]),
            model="m",
            sandbox=sandbox,
            recorder=held.recorder,
            meter=Meter(budget_for(bundle.spec), grace_s=0.0),
            jails=jails,
        )
        held.text = outcome.text
    except AttemptError as error:
        cause = classify(error, started=True)
        held.cause, held.detail = cause.name, str(error)
        assert cause.zero
    return held


def below(pid: int) -> list[int]:
    """List the processes below one."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*"):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found[1:]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.name)
async def test_it_is_held_and_recorded(
    attack: Attack, sandbox: Sandbox, jails: CodeJails, place: Path, listening: socket.socket
) -> None:
    held = await attempt(attack, sandbox, jails, place)
    assert "GOT" not in held.text
    assert (held.cause, attack.says in held.detail) == (attack.ends, True), held.detail
    wanted = [words.replace("PLACE", str(place)) for words in attack.recorded]
    assert [words for words in wanted if not any(told.startswith(words) for told in held.refused)] == [], held.refused
    assert len(held.detail) < 5_000
    assert sum(len(event.text or "") for event in held.recorder.events) < 400_000
    with pytest.raises(BlockingIOError):
        listening.recv(1)
    assert forked() == []


def forked() -> list[int]:
    """List what the fork servers below this process have not ended."""
    servers = [pid for pid in below(os.getpid()) if b"/runner/zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return [child for server in servers for child in below(server) if child not in servers]


UNHARMFUL = (
    "read a file of the host",
    "list other processes",
    "open a socket",
    "start a thread",
    "read the host's users",
)


@pytest.mark.asyncio(loop_scope="module")
async def test_without_the_jail_the_same_attacks_get_something(place: Path) -> None:
    bundle = harness(place, time_s=60.0)
    jail = CodeJail(bundle.files, Path(_jailed.__file__).read_bytes(), isolated=False)
    await jail.open()
    try:
        for number in (number for number, attack in enumerate(ALL) if attack.name in UNHARMFUL):
            process, recorder = await jail.start(), MemoryRecorder()
            broker = Broker(reach(bundle, number, recorder), process, recorder)
            assert (await broker.serve({}, None)).startswith("GOT"), ALL[number].name
            await process.kill()
    finally:
        await jail.close()


def reach(bundle: HarnessBundle, number: int, recorder: MemoryRecorder) -> Ctx:
    return Ctx(
        bundle,
        TaskView(str(number), "/work"),
        ModelChoice("m"),
        client=ScriptedModel([]),
        sandbox=ScriptedSandbox(),
        recorder=recorder,
        meter=Meter(budget_for(bundle.spec)),
    )


def test_there_are_many_attacks_and_each_is_another() -> None:
    assert len({attack.body for attack in ATTACKS}) == len(ATTACKS) >= 60
