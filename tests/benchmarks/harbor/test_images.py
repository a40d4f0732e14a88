"""What an image says of its containers counts: where the work is, what is started first, which links it has."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest

from benchmarks import Task
from benchmarks.artifacts import LIMIT_BYTES, Kept, pack, unpack
from benchmarks.entry import Entry
from benchmarks.harbor import read_task
from benchmarks.phases import work_through
from benchmarks.regrade import regrade
from benchmarks.task import Reward
from benchmarks.verify import run_solution
from task_agent.errors import ArtifactTooLargeError, SandboxLostError
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox, probe
from task_agent.sandbox._engine import engine
from task_agent.sandbox._images import built

BASE = "FROM ratchet-base:bookworm\n"
DEEP = BASE + "WORKDIR /srv/deep\n"
ENTRY = BASE + 'WORKDIR /app\nCOPY start /start\nENTRYPOINT ["/start", "given"]\n'
START = b'#!/bin/sh\nsleep 0.2; echo "$1" > /tmp/started; shift; exec "$@"\n'
REWARD = "echo $((1 - $?)) > /logs/verifier/reward.txt\n"
RIGHT = f'test "$(cat answer.txt 2>/dev/null)" = right; {REWARD}'
SEPARATE = "verifier.environment_mode = 'separate'\n"

pytestmark = pytest.mark.docker


@functools.cache
def _reason() -> str:
    tried = probe("docker")
    return "" if tried.ok else tried.reason


@pytest.fixture(autouse=True)
def _engine() -> None:
    if _reason():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have docker: {_reason()}")
        pytest.skip(f"no docker here: {_reason()}")


def _docker(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("docker", spec)


def _image(dockerfile: str, **files: bytes) -> str:
    return built(engine(), {"Dockerfile": dockerfile.encode(), **files}, 60.0)


def _task(root: Path, **changed: str | None) -> Task:
    files: dict[str, str | None] = {
        "task.toml": "",
        "instruction.md": "Write `right` to answer.txt.\n",
        "environment/Dockerfile": BASE + "WORKDIR /app\nRUN true\n",
        "tests/test.sh": RIGHT,
        "solution/solve.sh": "echo right > answer.txt\n",
    }
    for path, text in (files | {name.replace("__", "/"): text for name, text in changed.items()}).items():
        name = {"toml": "task.toml", "dockerfile": "environment/Dockerfile"}.get(path, path)
        if text is not None:
            (root / "t" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "t" / name).write_text(text)
        else:
            (root / "t" / name).unlink()
    return read_task(root / "t")


async def _solved(task: Task, told: list[str] | None = None) -> Reward:
    sandbox = _docker(task.environment)

    async def solve(part: Task) -> None:
        (told if told is not None else []).append(part.environment.workdir)
        await run_solution(part, sandbox)

    try:
        return await work_through(task, sandbox, solve, _docker)
    finally:
        await sandbox.close()


DEEP_TEST = f'test "$PWD" = /srv/deep && {RIGHT}'


async def test_the_work_directory_of_an_image_that_a_dockerfile_stands_on_counts(tmp_path: Path) -> None:
    files = {"dockerfile": f"FROM {_image(DEEP)}\nRUN true\n", "tests/test.sh": DEEP_TEST}
    told: list[str] = []
    reward = await _solved(_task(tmp_path, toml="artifacts = ['answer.txt']\n", **files), told)
    assert (reward.value, told, reward.artifacts) == (1.0, ["/srv/deep"], {"answer.txt": Entry(b"right\n")})


async def test_the_work_directory_of_an_image_that_is_named_counts_more_than_a_dockerfile_beside_it(
    tmp_path: Path,
) -> None:
    toml = f"[environment]\ndocker_image = '{_image(DEEP)}'\n"
    assert (await _solved(_task(tmp_path, toml=toml, **{"tests/test.sh": DEEP_TEST}))).value == 1.0


async def test_an_entrypoint_is_run_before_the_first_command_and_in_the_verifiers_own_place(tmp_path: Path) -> None:
    image = _image(ENTRY, start=START)
    toml = f"{SEPARATE}artifacts = ['answer.txt']\nenvironment.docker_image = '{image}'\n"
    tests = f'test "$(cat /tmp/started)" = given && test "$(cat answer.txt)" = given; {REWARD}'
    files = {"tests/test.sh": tests, "solution/solve.sh": "cp /tmp/started answer.txt\n"}
    assert (await _solved(_task(tmp_path, toml=toml, dockerfile=None, **files))).value == 1.0


async def test_an_entrypoint_that_hands_nothing_on_is_refused_by_name(tmp_path: Path) -> None:
    dockerfile = BASE + "WORKDIR /app\nENTRYPOINT false\n"
    with pytest.raises(SandboxLostError, match=r'ENTRYPOINT \["/bin/sh", "-c", "false"\] did not hand on'):
        await _solved(_task(tmp_path, dockerfile=dockerfile))


async def test_an_empty_entrypoint_takes_an_inherited_one_away(tmp_path: Path) -> None:
    dockerfile = f"FROM {_image(ENTRY, start=START)}\nENTRYPOINT []\n"
    tests = f"test ! -e /tmp/started && {RIGHT}"
    assert (await _solved(_task(tmp_path, dockerfile=dockerfile, **{"tests/test.sh": tests}))).value == 1.0


async def test_a_work_directory_below_a_link_of_the_image_leaves_the_link(tmp_path: Path) -> None:
    dockerfile = BASE + "WORKDIR /lib/x\nCOPY given.txt .\n"
    tests = f"test -L /lib && test -f given.txt && {RIGHT}"
    files = {"environment/given.txt": "x\n", "tests/test.sh": tests}
    task = _task(tmp_path, dockerfile=dockerfile, **files)
    assert (await _solved(task)).value == 1.0


async def test_a_file_of_a_build_context_stays_the_program_that_its_mode_says(tmp_path: Path) -> None:
    dockerfile = BASE + "WORKDIR /app\nCOPY tool other /usr/local/bin/\n"
    files = {
        "environment/tool": "echo right\n",
        "environment/other": "true\n",
        "solution/solve.sh": "tool > answer.txt\n",
    }
    files["tests/test.sh"] = f"test ! -x /usr/local/bin/other && {RIGHT}"
    plain = _task(tmp_path, dockerfile=dockerfile, **files)
    (tmp_path / "t/environment/tool").chmod(0o755)
    task = read_task(tmp_path / "t")
    assert task.digest != plain.digest
    assert (await _solved(task)).value == 1.0


WORK = """mkdir -p tree/empty tree/.git && cp /bin/true tree/prog && cp /bin/true prog && chmod 700 tree/.git
ln -s ../prog tree/.git/link; ln -s /etc/passwd tree/out; ln tree/prog tree/twin; mkfifo tree/pipe
"""
FOUND = f"""./prog && tree/prog && tree/twin && tree/.git/link && test -d tree/empty && test -L tree/.git/link &&
test "$(stat -c %a tree/.git)" = 700 && test ! -e tree/out && test ! -L tree/out && test ! -e tree/pipe; {REWARD}"""


async def test_artifacts_reach_a_separate_verifier_with_modes_folders_and_links(tmp_path: Path) -> None:
    toml = f"{SEPARATE}artifacts = ['prog', 'tree']\n"
    task = _task(tmp_path, toml=toml, **{"solution/solve.sh": WORK, "tests/test.sh": FOUND})
    reward = await _solved(task)
    assert reward.value == 1.0, reward.output
    kept = Kept(unpack(pack(reward.artifacts)))
    assert (await regrade(task, kept, _docker)).value == 1.0


async def test_an_artifact_that_is_too_large_is_said_and_never_passed_over(tmp_path: Path) -> None:
    work = f"head -c {LIMIT_BYTES + 1} /dev/zero > large; echo right > answer.txt\n"
    files = {"solution/solve.sh": work}
    task = _task(tmp_path, toml=f"{SEPARATE}artifacts = ['answer.txt', 'large']\n", **files)
    with pytest.raises(ArtifactTooLargeError, match=r"the artifact '/app/large' holds more than 50 MB"):
        await _solved(task)
    shared = await _solved(_task(tmp_path, toml="artifacts = ['answer.txt', 'large']\n", **files))
    assert (shared.value, shared.left_out, list(shared.artifacts)) == (1.0, ("/app/large",), ["app/answer.txt"])
