"""Tasks that need an image, worked on and graded in a jail on that image's root, without an engine."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import load_suite
from benchmarks.check import check_task
from benchmarks.errors import SuiteError
from benchmarks.suite import Suite
from task_agent.sandbox import SandboxSpec, choose, open_sandbox
from task_agent.sandbox._engine import engine
from task_agent.sandbox._jail import jail_argv
from task_agent.sandbox.roots import FILES, RECORD, take_out
from tests.benchmarks.harbor.odd_tasks import write_odd
from traces.errors import NotFoundError, SandboxUnavailableError

pytestmark = [pytest.mark.docker, pytest.mark.bubblewrap]
NAMES = ("multi-stage", "path-override")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Write the tasks and take their images' roots out, once, where every user can go."""
    home = Path(tempfile.mkdtemp(prefix="rooted-"))
    home.chmod(0o755)
    for name in NAMES:
        write_odd(home / "tasks", name)
    for task in load_suite({"kind": "harbor", "path": "tasks"}, home).tasks:
        assert task.needs_image
        take_out(engine(), task.environment, home / "roots")
    yield home
    shutil.rmtree(home)


def rooted(home: Path) -> Suite:
    return load_suite({"kind": "harbor", "path": "tasks", "roots": "roots"}, home)


@pytest.mark.parametrize("name", NAMES)
async def test_the_solution_earns_1_and_nothing_earns_0_without_an_engine(home: Path, name: str) -> None:
    task = rooted(home).task(name)
    assert (task.needs_image, task.needs_jail) == (False, True)
    row = await check_task(task, lambda spec: open_sandbox("bubblewrap", spec))
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


def test_on_a_root_a_task_is_another_task_and_so_is_its_suite(home: Path) -> None:
    plain = load_suite({"kind": "harbor", "path": "tasks"}, home)
    assert rooted(home).hash != plain.hash
    assert rooted(home).hash == rooted(home).hash


async def test_nothing_but_the_work_directory_and_tmp_can_be_changed(home: Path) -> None:
    sandbox = open_sandbox("bubblewrap", rooted(home).task("multi-stage").environment)
    try:
        wrote = "touch made.txt /tmp/x && ! touch /usr/x && ! touch /etc/x && ! rm /bin/sh && ! touch /x"
        done = await sandbox.exec(f"({wrote}) 2>/dev/null; echo $?; cat made.txt", timeout_s=20)
        assert done.output.split() == ["0", "right"]
    finally:
        await sandbox.close()
    root = next((home / "roots").glob("build-*"))
    assert not list((root / FILES).glob("x"))


def test_what_is_taken_out_already_is_left_and_an_image_that_is_not_here_is_named(home: Path) -> None:
    task = load_suite({"kind": "harbor", "path": "tasks"}, home).task("multi-stage")
    folder = take_out(engine(), task.environment, home / "roots")
    assert json.loads((folder / RECORD).read_text())["id"].startswith("sha256:")
    before = folder.stat().st_mtime_ns
    assert take_out(engine(), task.environment, home / "roots").stat().st_mtime_ns == before
    with pytest.raises(NotFoundError, match="no image 'nowhere:1'"):
        take_out(engine(), SandboxSpec(image="nowhere:1"), home / "roots")
    assert [path.name for path in (home / "roots").iterdir() if path.name.startswith(".")] == []


def test_a_folder_that_holds_no_root_is_refused_with_its_name(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"`suite\.roots` names"):
        load_suite({"kind": "harbor", "path": "tasks", "roots": "gone"}, home)
    for source in (home / "roots").iterdir():
        (tmp_path / "roots" / source.name).mkdir(parents=True)
        (tmp_path / "roots" / source.name / RECORD).write_text("{}")
    with pytest.raises(SuiteError, match="describes no root"):
        load_suite({"kind": "harbor", "path": "tasks", "roots": str(tmp_path / "roots")}, home)


def test_only_a_jail_stands_on_a_root(home: Path) -> None:
    spec = rooted(home).task("multi-stage").environment
    for kind in ("docker", "process"):
        with pytest.raises(SandboxUnavailableError):
            open_sandbox(kind, spec)  # type: ignore[arg-type]  # both are kinds
        with pytest.raises(SandboxUnavailableError, match=r"`suite\.roots` is for jails"):
            choose(kind, allow_unsafe=True, **rooted(home).needs)  # type: ignore[arg-type]  # as above
    assert choose("auto", allow_unsafe=False, **rooted(home).needs).kind == "bubblewrap"


@pytest.mark.skipif(os.geteuid() != 0, reason="a plain user's jails run as that user")
def test_a_root_in_a_closed_folder_is_refused_with_the_folder_to_open(home: Path) -> None:
    spec = rooted(home).task("multi-stage").environment
    (home / "roots").chmod(0o700)
    try:
        jail_argv.cache_clear()
        with pytest.raises(SandboxUnavailableError, match="roots is closed to other users"):
            jail_argv(spec.root)
    finally:
        (home / "roots").chmod(0o755)
