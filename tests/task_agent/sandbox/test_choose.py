from __future__ import annotations

import re
import subprocess
import sys

import pytest

from task_agent.sandbox import SandboxKind, SandboxSpec, choose, open_sandbox, probe
from task_agent.sandbox.refusals import refusal
from traces.errors import SandboxUnavailableError


def test_no_isolation_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(SandboxUnavailableError, match="isolates nothing"):
        choose("process", allow_unsafe=False, needs_image=False)
    assert choose("process", allow_unsafe=True, needs_image=False).kind == "process"


@pytest.mark.parametrize("wanted", ["process", "bubblewrap"])
def test_a_kind_that_cannot_run_images_is_refused_for_tasks_that_need_one(wanted: str) -> None:
    with pytest.raises(SandboxUnavailableError, match="need an image"):
        choose(wanted, allow_unsafe=True, needs_image=True)  # type: ignore[arg-type]  # parametrised over a Literal


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (SandboxSpec(network=True), "it has no network"),
        (SandboxSpec(verifier_network=True), "it has no network"),
        (SandboxSpec(workdir="/usr/src/app"), "it cannot place a work directory at '/usr/src/app'"),
        (SandboxSpec(workdir="/etc/x"), "it cannot place a work directory at '/etc/x'"),
        (SandboxSpec(workdir="/tmp/work"), "it cannot place a work directory at '/tmp/work'"),
        (SandboxSpec(user="worker"), "it has no users of an image"),
    ],
    ids=str,
)
def test_what_a_jail_cannot_hold_is_known_before_one_is_made(place: SandboxSpec, said: str) -> None:
    assert refusal("bubblewrap", place) == said
    assert refusal("docker", place) == ""
    with pytest.raises(SandboxUnavailableError, match=re.escape(said)):
        open_sandbox("bubblewrap", place)


def test_a_kind_that_cannot_hold_a_task_is_refused_with_a_way_out() -> None:
    refused: dict[SandboxKind, str] = {"bubblewrap": "'a' (it has no network), and 2 more of 5"}
    with pytest.raises(SandboxUnavailableError, match=r"cannot hold some tasks: 'a' \(it has no network\)") as problem:
        choose("bubblewrap", allow_unsafe=True, needs_image=False, refused=refused)
    assert problem.value.hint == "set `sandbox: docker`, or leave those tasks out with `suite.without`"


def test_where_no_kind_holds_every_task_auto_says_why_of_each() -> None:
    refused: dict[SandboxKind, str] = dict.fromkeys(("bubblewrap", "docker", "process"), "'a' (it lies in /proc)")
    with pytest.raises(SandboxUnavailableError, match="no sandbox works here for all tasks: the bubblewrap") as problem:
        choose("auto", allow_unsafe=True, needs_image=False, refused=refused)
    assert "suite.without" in problem.value.hint


@pytest.mark.docker
def test_auto_takes_containers_for_what_a_jail_cannot_hold_and_says_where_cpus_are_too_few() -> None:
    if not probe("docker").ok:
        pytest.skip(probe("docker").reason)
    refused: dict[SandboxKind, str] = {"bubblewrap": "'a' (it has no network)"}
    taken = choose("auto", allow_unsafe=True, needs_image=False, refused=refused, cpus=4096.0)
    assert taken.kind == "docker"
    assert "; the bubblewrap sandbox cannot hold some tasks: 'a' (it has no network)" in taken.said
    assert re.search(r"tasks that ask for more than (\d+) CPUs \(up to 4096\) get \1, all that", taken.said)
    enough = choose("auto", allow_unsafe=True, needs_image=False, refused=refused, cpus=1.0)
    assert "CPUs" not in enough.said


@pytest.mark.bubblewrap
def test_auto_takes_jails_and_says_why_not_the_others() -> None:
    if not probe("bubblewrap").ok:
        pytest.skip(probe("bubblewrap").reason)
    said = choose("auto", allow_unsafe=False, needs_image=False)
    assert said.kind == "bubblewrap"
    assert said.said == (
        "bubblewrap: jails of their own without network, started in milliseconds; "
        "not docker: no task needs an image; not process: it isolates nothing"
    )


async def test_a_probe_works_where_an_event_loop_already_runs() -> None:
    assert probe("process").ok


def test_a_missing_bwrap_is_a_reason_not_a_step_down() -> None:
    script = (
        "from task_agent.sandbox import choose, probe; print(probe('bubblewrap').reason);"
        "print(choose('auto', allow_unsafe=True, needs_image=False).said);"
        "choose('bubblewrap', allow_unsafe=True, needs_image=False)"
    )
    env = {"PATH": "/nowhere", "DOCKER_HOST": "unix:///nowhere.sock"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[0].startswith("there is no `bwrap` here")
    assert done.stdout.splitlines()[1].startswith("process: NO ISOLATION")
    assert "docker does not work here" in done.stdout
    assert "SandboxUnavailableError: the bubblewrap sandbox does not work here" in done.stderr


@pytest.mark.parametrize("workdir", ["/", "relative", "/tests", "/a/../b", "/tmp"])
def test_an_impossible_work_directory_is_refused(workdir: str) -> None:
    for kind in ("process", "bubblewrap") if workdir in ("/", "/tmp") else ("process", "bubblewrap", "docker"):
        with pytest.raises(SandboxUnavailableError, match="cannot place a work directory"):
            open_sandbox(kind, SandboxSpec(workdir=workdir))  # type: ignore[arg-type]  # a loop over a Literal


def test_importing_the_sandboxes_imports_no_engine() -> None:
    script = "import sys, task_agent.sandbox; sys.exit(bool({'docker', 'requests'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
