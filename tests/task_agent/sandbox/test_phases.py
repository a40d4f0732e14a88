"""Containers between the agent's phase and the grading: users, living processes, networks, build times."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from task_agent.errors import SandboxLostError
from task_agent.sandbox import Probe, Sandbox, SandboxSpec, open_sandbox, probe
from task_agent.sandbox._phases import uid_in
from task_agent.sandbox.base import SandboxKind
from traces.errors import SandboxUnavailableError

BASE = b"FROM ratchet-base:bookworm\n"
USERS = {"Dockerfile": BASE + b"RUN useradd -u 1500 worker && useradd -u 1600 judge && mkdir /app && chown 1500 /app\n"}
TEST = {"test.sh": b"id -un; cat who.txt; echo 1 > /logs/verifier/reward.txt\n"}
GRADE = "bash /tests/test.sh"

_probe: Callable[[SandboxKind], Probe] = functools.cache(probe)


@asynccontextmanager
async def _docker(spec: SandboxSpec) -> AsyncIterator[Sandbox]:
    if not _probe("docker").ok:
        pytest.skip(f"no docker here: {_probe('docker').reason}")
    sandbox = open_sandbox("docker", spec)
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def _said(sandbox: Sandbox, command: str) -> str:
    return (await sandbox.exec(command, timeout_s=60)).output.strip()


@pytest.mark.docker
async def test_agent_and_verifier_are_the_users_that_the_task_names() -> None:
    async with _docker(SandboxSpec(build_context=USERS, user="worker", verifier_user="judge")) as sandbox:
        assert await _said(sandbox, "id -un; touch /logs/agent/note; pwd; id -un > who.txt") == "worker\n/app"
        forged = await _said(sandbox, "mkdir -p /logs/verifier /tests; echo 1 > /logs/verifier/reward.txt")
        assert "Permission denied" in forged
        graded = await sandbox.verify(TEST, GRADE, timeout_s=30, env={})
    assert graded.result.output == "judge\nworker\n"
    assert graded.logs == {"reward.txt": b"1\n"}


@pytest.mark.docker
async def test_what_a_user_of_its_own_left_running_is_ended_before_grading() -> None:
    async with _docker(SandboxSpec(build_context=USERS, user="worker")) as sandbox:
        await _said(sandbox, "echo w > who.txt; (setsid sleep 300 >/dev/null 2>&1 &)")
        tests = {"test.sh": b"cat /proc/[0-9]*/cmdline | tr '\\0' ' '\n"}
        graded = await sandbox.verify(tests, GRADE, timeout_s=30, env={})
    assert "sleep 300" not in graded.result.output


@pytest.mark.docker
async def test_a_server_lives_on_through_grading_only_where_the_task_keeps_it() -> None:
    serve = "cd /app && echo hello > page && python3 -m http.server 8123 --bind 127.0.0.1 & sleep 1"
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8123/page').read())"
    tests = {"test.sh": f'python3 -c "{fetch}" 2>&1 | tail -n 1\n'.encode()}
    seen = []
    for keep in (True, False):
        async with _docker(SandboxSpec(keep_processes=keep)) as sandbox:
            await _said(sandbox, serve)
            seen.append((await sandbox.verify(tests, GRADE, timeout_s=30, env={})).result.output)
    assert "hello" in seen[0]
    assert "refused" in seen[1]


@pytest.mark.docker
async def test_the_verifier_can_have_a_network_of_its_own() -> None:
    links = "ls /sys/class/net"
    for agent in (True, False):
        async with _docker(SandboxSpec(network=agent, verifier_network=not agent, rounds=2)) as sandbox:
            assert ("eth" in await _said(sandbox, links)) is agent
            graded = await sandbox.verify({"test.sh": links.encode()}, GRADE, timeout_s=30, env={})
            assert ("eth" in graded.result.output) is not agent
            assert ("eth" in await _said(sandbox, links)) is agent


@pytest.mark.docker
async def test_a_verifier_apart_has_the_agents_network_unless_it_has_its_own() -> None:
    for network, own in ((True, None), (True, False), (False, True)):
        async with _docker(SandboxSpec(network=network, verifier_network=own, apart=True)) as sandbox:
            graded = await sandbox.verify({"test.sh": b"ls /sys/class/net"}, GRADE, timeout_s=30, env={})
            assert ("eth" in graded.result.output) is (network if own is None else own)


@pytest.mark.docker
async def test_a_task_with_an_image_can_be_graded_apart_with_its_work_directory_alone() -> None:
    lines = b"RUN mkdir -p /app/old && echo x > /app/old/.x && echo y > /app/gone && chown -R 1500 /app\nWORKDIR /app\n"
    spec = SandboxSpec(build_context={"Dockerfile": BASE + lines}, apart=True, root_powers=True)
    async with _docker(spec) as sandbox:
        await _said(
            sandbox, "rm gone old/.x; echo new > made; chmod 750 made; chown 1500 made; echo 1 > /usr/bin/python3"
        )
        tests = {"test.sh": b"find . | sort; stat -c '%a %u' made; cat /usr/bin/python3 | wc -c\n"}
        graded = await sandbox.verify(tests, GRADE, timeout_s=30, env={})
    assert graded.result.output.splitlines()[:-1] == [".", "./made", "./old", "750 1500"]
    assert int(graded.result.output.splitlines()[-1]) > 1000


@pytest.mark.docker
async def test_an_image_that_is_here_is_taken_and_nothing_is_built() -> None:
    spec = SandboxSpec(image="ratchet-base:bookworm", build_context={"Dockerfile": b"FROM nowhere:1\n"})
    async with _docker(spec) as sandbox:
        assert await _said(sandbox, "echo here") == "here"


@pytest.mark.docker
async def test_the_root_can_be_the_work_directory() -> None:
    async with _docker(SandboxSpec(workdir="/", build_context={"Dockerfile": BASE})) as sandbox:
        assert await _said(sandbox, "pwd; stat -c %a /tmp; echo w > who.txt") == "/\n1777"
        assert (await sandbox.verify(TEST, GRADE, timeout_s=30, env={})).result.output == "root\nw\n"


@pytest.mark.docker
async def test_a_build_that_takes_too_long_is_given_up() -> None:
    slow = {"Dockerfile": BASE + b"RUN echo slow && sleep 20\n"}
    async with _docker(SandboxSpec(build_context=slow, build_timeout_s=2)) as sandbox:
        with pytest.raises(SandboxLostError, match="did not build in 2 s"):
            await sandbox.exec("true", timeout_s=60)


@pytest.mark.parametrize("kind", ["process", "bubblewrap"])
def test_what_only_an_engine_can_give_is_refused_elsewhere(kind: SandboxKind) -> None:
    with pytest.raises(SandboxUnavailableError, match="users of an image"):
        open_sandbox(kind, SandboxSpec(user="worker"))
    with pytest.raises(SandboxUnavailableError, match="processes kept alive"):
        open_sandbox(kind, SandboxSpec(keep_processes=True))


def test_users_are_found_by_name_and_number() -> None:
    passwd = b"root:x:0:0::/root:/bin/sh\nworker:x:1500:1500::/:/bin/sh\n"
    assert (uid_in(passwd, "worker"), uid_in(b"", "77")) == (1500, 77)
    with pytest.raises(SandboxLostError, match="no user 'nobody'"):
        uid_in(passwd, "nobody")


@pytest.mark.docker
async def test_root_can_change_owners_and_users_only_where_the_task_says_so() -> None:
    command = "touch /x && chown 1500 /x && setpriv --reuid 1500 --clear-groups id -u"
    said = []
    for powers in (True, False):
        async with _docker(SandboxSpec(root_powers=powers)) as sandbox:
            said.append(await _said(sandbox, command))
    assert said[0] == "1500"
    assert "not permitted" in said[1]
