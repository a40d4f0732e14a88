"""Harbor's task format: what is read, what is refused by name, and plain Dockerfiles."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import SuiteError, Task, load_suite
from benchmarks.check import check_task
from benchmarks.digest import task_digest
from benchmarks.harbor import read_task, write_task
from benchmarks.harbor.config import parse_config
from benchmarks.harbor.layout import read_layout
from benchmarks.harbor.reader import PIDS
from benchmarks.harbor.toml_lines import find_line
from task_agent.sandbox import SandboxSpec, open_sandbox

PLAIN = "FROM python:3.13-slim-bookworm\nWORKDIR /app\nCOPY data.csv notes/ ./\n"
TOML = """\
version = "1.0"

[metadata]
author_name = "A. Person"
difficulty = "easy"
category = "file-operations"
tags = ["csv"]

[verifier]
timeout_sec = 900.0

[agent]
timeout_sec = 750.0

[environment]
build_timeout_sec = 600.0
cpus = 2
memory = "2G"
storage = "10G"
"""
NEWER = """\
schema_version = "1.4"
source = "somewhere"
artifacts = []

[task]
name = "org/newer"
description = "Count lines."
keywords = ["a"]
[[task.authors]]
name = "A. Person"
email = "a@example.org"

[agent]
user = "root"

[verifier]
environment_mode = "shared"
collect = []
[verifier.env]
LEVEL = "3"

[environment]
os = "linux"
cpus = 1
memory_mb = 4096
memory = "1G"
storage_mb = 2048
gpus = 0
mcp_servers = []
workdir = "/work"
network_mode = "no-network"
[environment.env]
PATH = "/opt/bin:/usr/bin:/bin"

[solution.env]
MODE = "fast"
"""


def _write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def _folder(root: Path, name: str = "count-lines", toml: str = TOML, **changed: str | None) -> Path:
    files: dict[str, str | None] = {
        "task.toml": toml,
        "instruction.md": "Count the lines of data.csv into count.txt.\n",
        "environment/Dockerfile": PLAIN,
        "environment/data.csv": "a\nb\n",
        "environment/notes/x.txt": "n\n",
        "tests/test.sh": 'test "$(cat count.txt)" = 2; echo $((1 - $?)) > ${LOGS_DIR:-/logs}/verifier/reward.txt\n',
        "solution/solve.sh": "wc -l < data.csv > count.txt\n",
    }
    files |= {key.replace("__", "/").replace("_dot_", "."): text for key, text in changed.items()}
    return _write(root / name, {key: text for key, text in files.items() if text is not None})


def test_an_old_task_is_read_with_its_old_spellings(tmp_path: Path) -> None:
    task = read_task(_folder(tmp_path))
    assert task.id == "count-lines"
    assert task.instruction == "Count the lines of data.csv into count.txt.\n"
    assert (task.category, task.cluster) == ("file-operations", None)
    assert (task.agent_timeout_s, task.verifier_timeout_s) == (750.0, 900.0)
    place = task.environment
    assert (place.cpus, place.memory_mb, place.disk_mb, place.pids) == (2.0, 2048, 10240, PIDS)
    assert not place.network
    assert task.metadata["tags"] == ["csv"]
    assert set(task.solution) == {"solve.sh"}


def test_a_plain_dockerfile_is_understood_as_files(tmp_path: Path) -> None:
    place = read_task(_folder(tmp_path)).environment
    assert place.image == "python:3.13-slim-bookworm"
    assert place.build_context is None
    assert place.workdir == "/app"
    assert dict(place.files) == {"data.csv": b"a\nb\n", "x.txt": b"n\n"}


async def test_a_plain_task_runs_without_an_engine(tmp_path: Path) -> None:
    row = await check_task(read_task(_folder(tmp_path)), lambda spec: open_sandbox("process", spec))
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok")


def test_every_supported_field_of_a_new_task_arrives(tmp_path: Path) -> None:
    task = read_task(_folder(tmp_path, toml=NEWER, environment__Dockerfile="FROM debian:12\nCOPY data.csv /work/\n"))
    assert task.environment == SandboxSpec(
        workdir="/work",
        files={"data.csv": b"a\nb\n"},
        env={"PATH": "/opt/bin:/usr/bin:/bin"},
        image="debian:12",
        memory_mb=4096,
        cpus=1.0,
        pids=PIDS,
        disk_mb=2048,
    )
    assert task.verifier_env == {"LEVEL": "3"}
    assert task.solution_env == {"MODE": "fast"}


@pytest.mark.parametrize(
    ("line", "network"),
    [
        ("", False),
        ("allow_internet = true", True),
        ("allow_internet = false", False),
        ('network_mode = "public"', True),
        ('network_mode = "no-network"', False),
    ],
)
def test_the_network_is_off_unless_the_task_asks_for_it(tmp_path: Path, line: str, network: bool) -> None:
    assert read_task(_folder(tmp_path, toml=TOML + line + "\n")).environment.network is network


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("agent.network_mode", '[agent]\nnetwork_mode = "allowlist"\n'),
        ("agent.allowed_hosts", '[agent]\nallowed_hosts = ["a.example"]\n'),
        ("artifacts.0.service", '[[artifacts]]\nsource = "a"\nservice = "db"\n'),
        ("artifacts.1.destination", 'artifacts = ["a", {source = "b", destination = "../b"}]\n'),
        ("verifier.environment", '[verifier]\nenvironment_mode = "shared"\n[verifier.environment]\ncpus = 1\n'),
        ("verifier.environment.gpus", "[verifier.environment]\ngpus = 1\n"),
        ("verifier.environment.healthcheck", '[verifier.environment.healthcheck]\ncommand = "true"\n'),
        ("verifier.collect.0.service", '[[verifier.collect]]\ncommand = "ls"\nservice = "db"\n'),
        ("verifier.collect.0.user", '[[verifier.collect]]\ncommand = "ls"\nuser = "db"\n'),
        ("verifier.network_mode", '[verifier]\nnetwork_mode = "allowlist"\n'),
        ("verifier.allowed_hosts", '[verifier]\nallowed_hosts = ["a.example"]\n'),
        ("verifier.env.KEY", '[verifier.env]\nKEY = "${KEY}"\n'),
        ("environment.os", '[environment]\nos = "windows"\n'),
        ("environment.gpus", "[environment]\ngpus = 1\n"),
        ("environment.gpu_types", '[environment]\ngpu_types = ["H100"]\n'),
        ("environment.tpu", '[environment.tpu]\ntype = "v4"\n'),
        ("environment.mcp_servers", '[[environment.mcp_servers]]\nname = "x"\n'),
        ("environment.env.KEY", '[environment.env]\nKEY = "${KEY}"\n'),
        ("environment.skills_dir", '[environment]\nskills_dir = "/skills"\n'),
        ("environment.network_mode", '[environment]\nnetwork_mode = "allowlist"\n'),
        ("environment.allowed_hosts", '[environment]\nallowed_hosts = ["a.example"]\n'),
        ("environment.allow_internet", '[environment]\nnetwork_mode = "public"\nallow_internet = false\n'),
        ("solution.env.KEY", '[solution.env]\nKEY = "${KEY}"\n'),
        ("multi_step_reward_strategy", 'multi_step_reward_strategy = "final"\n'),
        ("metadata.keep_processes", '[metadata]\nkeep_processes = "yes"\n'),
        ("metadata.reward_key", "[metadata]\nreward_key = 3\n"),
        ("metadata.slips", '[metadata]\nslips = "quoting"\n'),
        ("metadata.answer_keys", "[metadata]\nanswer_keys = 5\n"),
        ("metadata.answer_keys", '[metadata]\nanswer_keys = "Paris"\n'),
        ("metadata.inspect", '[metadata]\ninspect = ["ls"]\n'),
        ("steps.0.agent.user", '[[steps]]\nname = "a"\nagent.user = "nobody"\n'),
        ("steps.0.verifier.environment_mode", '[[steps]]\nname = "a"\nverifier.environment_mode = "separate"\n'),
        ("steps.0.verifier.collect", '[[steps]]\nname = "a"\n[[steps.verifier.collect]]\ncommand = "ls"\n'),
        ("steps.0.verifier.network_mode", '[[steps]]\nname = "a"\nverifier.network_mode = "public"\n'),
    ],
)
def test_what_is_not_supported_is_refused_by_name_and_line(key: str, text: str) -> None:
    with pytest.raises(SuiteError) as problem:
        parse_config(f"# a comment\n{text}", Path("some/task.toml"))
    assert problem.value.key == key
    assert f"`{key}`" in problem.value.message
    assert problem.value.place is not None
    assert problem.value.place.line in (2, 3, 4, 5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[environment]\ncpu = 1\n", "task.toml:2: `environment.cpu`: is not a field of this format"),
        ('[environment]\nmemory = "lots"\n', "task.toml:2: `environment.memory"),
        ('[agent]\ntimeout_sec = "long"\n', "task.toml:2: `agent.timeout_sec`"),
        ("[agent]\ntimeout_sec = 0\n", "task.toml:2: `agent.timeout_sec`"),
        ('version = "2.0"\n', "task.toml:1: `version`: '2.0' is not one of the versions"),
        ("[agent\n", "task.toml:1:7: is not TOML"),
        ("[hpc]\nx = 1\n", "task.toml:1: `hpc`: is not a field"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SuiteError) as problem:
        parse_config(text, Path("task.toml"))
    assert said in problem.value.message


def test_lines_of_tables_and_keys_are_found() -> None:
    text = 'a = 1\n[x]\nb = 2\n[x."y"]\nc.d = 3\n[[z]]\n'
    places = {key: find_line(text, key) for key in ("a", "x", "x.b", "x.y.c.d", "x.y.e", "z", "q")}
    steps = '[[s]]\nname = "a"\n[s.agent]\nuser = "x"\n[[s]]\nname = "b"\n[s.agent]\nuser = "y"\n'
    assert [find_line(steps, key) for key in ("s.0.name", "s.1.agent.user", "s.1.more", "s.agent.user")] == [2, 8, 5, 4]
    assert places == {"a": 1, "x": 2, "x.b": 3, "x.y.c.d": 5, "x.y.e": 4, "z": 6, "q": None}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instruction.md": None}, "instruction.md: is missing"),
        ({"task.toml": None}, "task.toml: is missing"),
        ({"tests/test.sh": None}, "test.sh: is missing, so nothing can be graded"),
        ({"environment/Dockerfile": None}, "Dockerfile: is missing, and task.toml names no"),
        ({"environment/docker-compose.yaml": "services: {}\n"}, "compose environments are not supported"),
        ({"trajectory.json": "{}"}, "recorded trajectory is not supported"),
        ({"steps/one/instruction.md": "x"}, "one: is no step that task.toml names"),
        (
            {"environment/Dockerfile": "FROM debian:12\nRUN <<EOF\ntrue\nEOF\n"},
            "Dockerfile:2: `RUN <<EOF` needs BuildKit",
        ),
        ({"environment/Dockerfile": "FROM a\nCOPY --chmod=755 x /\n"}, "Dockerfile:2: `COPY --chmod` needs BuildKit"),
        ({"tests/test.bat": "x"}, "only linux"),
    ],
)
def test_a_folder_that_is_not_a_task_is_an_error(tmp_path: Path, changed: dict[str, str | None], said: str) -> None:
    folder = _folder(tmp_path)
    for name, text in changed.items():
        if text is None:
            (folder / name).unlink()
        else:
            _write(folder, {name: text})
    with pytest.raises(SuiteError, match=said):
        read_task(folder)


def test_links_in_a_task_are_refused(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "solution" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(SuiteError, match="links and special files"):
        read_task(folder)


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM debian:12\nRUN apt-get update\n",
        "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /x /x\n",
        "FROM debian:12\nUSER nobody\n",
        "FROM debian:12\nENV HOME=/home/me\nWORKDIR $HOME\n",
        "FROM debian:12\nCOPY *.csv /app/\n",
        "FROM debian:12\nCOPY missing.csv /app/\n",
        "FROM debian:12\nADD data.csv /app/\n",
        "ARG V=12\nFROM debian:$V\n",
        "# nothing\n",
    ],
)
def test_a_dockerfile_that_does_more_is_left_to_an_engine(tmp_path: Path, dockerfile: str) -> None:
    place = read_task(_folder(tmp_path, environment__Dockerfile=dockerfile)).environment
    assert place.build_context is not None
    assert place.build_context["Dockerfile"] == dockerfile.encode()
    assert dict(place.files) == {}


def test_files_outside_the_work_directory_are_left_to_an_engine(tmp_path: Path) -> None:
    place = read_task(_folder(tmp_path, environment__Dockerfile="FROM debian:12\nWORKDIR /app\nCOPY data.csv /data/\n"))
    assert place.environment.build_context is not None


def test_an_image_without_a_dockerfile_is_left_to_an_engine(tmp_path: Path) -> None:
    toml = TOML + 'docker_image = "someone/count:1"\nworkdir = "/work"\n'
    task = read_task(_folder(tmp_path, toml=toml, environment__Dockerfile=None))
    assert task.environment.image == "someone/count:1"
    assert (task.environment.build_context, task.needs_image) == (None, True)


@pytest.mark.parametrize(
    ("dockerfile", "toml", "workdir", "guessed"),
    [
        (None, 'docker_image = "a:1"', "/", True),
        (None, 'docker_image = "a:1"\nworkdir = "/w"', "/w", False),
        ("FROM a\nRUN true\n", "", "/", True),
        ("FROM a\nWORKDIR $HOME/x\nRUN true\n", "", "/", True),
        ("FROM a\nWORKDIR sub\n", "", "/", True),
        ("FROM a AS b\nWORKDIR /w\nFROM b\nWORKDIR sub\nRUN true\n", "", "/w/sub", False),
        ("FROM a\nWORKDIR /w\nRUN true\n", "", "/w", False),
        ("FROM a\nWORKDIR /w\nRUN true\n", 'docker_image = "a:1"', "/w", True),
    ],
)
def test_where_only_the_image_knows_the_work_directory_it_is_a_guess(
    tmp_path: Path, dockerfile: str | None, toml: str, workdir: str, guessed: bool
) -> None:
    toml = f"artifacts = ['out', '/abs']\n[environment]\n{toml}\n"
    task = read_task(_folder(tmp_path / "a", toml=toml, environment__Dockerfile=dockerfile))
    assert (task.environment.workdir, task.environment.image_workdir) == (workdir, guessed)
    assert [one.source for one in task.artifacts] == ["out" if guessed else f"{workdir}/out", "/abs"]
    assert task.artifacts[0].destination == ("out" if guessed else f"{workdir}/out".strip("/"))
    written = replace(task, artifacts=(), digest="")
    write_task(written, tmp_path / "b" / task.id)
    assert replace(read_task(tmp_path / "b" / task.id), digest="") == written


def test_an_image_beside_a_dockerfile_is_taken_where_it_is_here_and_else_built(tmp_path: Path) -> None:
    place = read_task(_folder(tmp_path, toml=TOML + 'docker_image = "someone/count:1"\n')).environment
    assert (place.image, place.workdir) == ("someone/count:1", "/app")
    assert place.build_context is not None
    assert "data.csv" in place.build_context


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("WORKDIR /app\nCOPY . .", {"/app/data.csv": "data.csv", "/app/notes/x.txt": "notes/x.txt"}),
        ("WORKDIR /app\nCOPY data.csv in.csv", {"/app/in.csv": "data.csv"}),
        ("WORKDIR /app\nCOPY data.csv /app", {"/app/data.csv": "data.csv"}),
        ("WORKDIR /app\nCOPY ./notes/ deep/er/", {"/app/deep/er/x.txt": "notes/x.txt"}),
        ("WORKDIR /a\nWORKDIR b\nCOPY data.csv \\\n  ./\n# end", {"/a/b/data.csv": "data.csv"}),
    ],
)
def test_copy_follows_the_rules_of_dockerfiles(text: str, files: dict[str, str]) -> None:
    layout = read_layout(f"FROM debian:12\n{text}\n", {"data.csv": b"", "notes/x.txt": b""})
    assert layout is not None
    assert layout.files == files


def test_variables_of_a_dockerfile_are_read_in_both_spellings() -> None:
    layout = read_layout('FROM debian:12\nENV A=1 B="two words"\nENV C three words\nUSER root\n', {})
    assert layout is not None
    assert layout.env == {"A": "1", "B": "two words", "C": "three words"}


def test_files_are_read_only_when_asked_and_travel_to_workers(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    task = read_task(folder)
    (folder / "tests" / "test.sh").write_text("changed later\n")
    assert pickle.loads(pickle.dumps(task)).tests["test.sh"] == b"changed later\n"
    assert task_digest(task) != task.digest


def test_written_and_read_back_a_task_is_equal(tmp_path: Path) -> None:
    task = Task(
        id="odd",
        instruction='Say "hé" \\ twice.\r\nNo newline at the end',
        environment=SandboxSpec(
            workdir="/home/me",
            files={"a b/ü.txt": b"\x00\xff"},
            env={"NAME": 'quote " and \\ slash'},
            image="debian:12",
            network=True,
            memory_mb=99,
            cpus=0.5,
            pids=PIDS,
            disk_mb=7,
        ),
        tests={"test.sh": b"true\n", "deep/er.bin": b"\x00"},
        solution={"solve.sh": b"true\n", "slips/quoting.sh": b"false\n"},
        category="odd ones",
        cluster="c1",
        agent_timeout_s=1.5,
        verifier_timeout_s=2.0,
        verifier_env={"A": "b"},
        solution_env={"B": "c"},
        metadata={
            "category": "odd ones",
            "cluster": "c1",
            "list": ["x", 'y "z"', 1, 0.5, True],
            "a table": {"k.k": "\x7f\n"},
        },
    )
    task = replace(task, digest=task_digest(task))
    write_task(task, tmp_path / "odd")
    again = read_task(tmp_path / "odd")
    assert again == task
    assert again.digest == task.digest


def test_a_built_task_is_written_with_its_own_dockerfile(tmp_path: Path) -> None:
    task = read_task(_folder(tmp_path / "a", environment__Dockerfile="FROM debian:12\nRUN true\n"))
    write_task(task, tmp_path / "b" / task.id)
    assert read_task(tmp_path / "b" / task.id) == task


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (SandboxSpec(pids=PIDS), "environment.image"),
        (SandboxSpec(image="debian:12", pids=9), "environment.pids"),
        (SandboxSpec(image="debian:12", pids=PIDS, output_limit_bytes=9), "output_limit_bytes"),
    ],
)
def test_what_the_format_cannot_say_is_not_written(tmp_path: Path, place: SandboxSpec, said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        write_task(Task("t", "x\n", place, tests={"test.sh": b""}), tmp_path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"toml": "[environment]\nallow_internet = true\n"}, "it has no network"),
        ({"toml": "[verifier]\nnetwork_mode = 'public'\n"}, "it has no network"),
        ({"environment/Dockerfile": "FROM debian:bookworm\nWORKDIR /usr/src/app\n"}, "cannot place a work directory"),
    ],
)
def test_a_suite_knows_which_kinds_cannot_hold_a_task(tmp_path: Path, changed: dict[str, str], why: str) -> None:
    for name in ("a", "b"):
        _folder(tmp_path, name, **changed)
    _folder(tmp_path, "plain")
    needs = load_suite({"kind": "harbor", "path": str(tmp_path)}, tmp_path).needs
    assert list(needs["refused"]) == ["bubblewrap"]
    assert needs["refused"]["bubblewrap"].startswith("'a' (it ")
    assert why in needs["refused"]["bubblewrap"]
    assert needs["refused"]["bubblewrap"].endswith("), and 1 more of 3")


def test_a_folder_of_folders_is_a_suite_and_a_task_folder_a_suite_of_one(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        _folder(tmp_path / "mine", name)
    (tmp_path / "mine" / "README.md").write_text("about\n")
    (tmp_path / "mine" / ".git").mkdir()
    suite = load_suite({"kind": "harbor", "path": "mine"}, tmp_path)
    assert (suite.name, [task.id for task in suite.tasks]) == ("mine", ["a", "b", "c"])
    assert [task.id for task in load_suite({"kind": "harbor", "path": "mine/b"}, tmp_path).tasks] == ["b"]
    chosen = {"kind": "harbor", "path": "mine", "only": ["a", "b"], "exclude": ["a"], "limit": 1}
    assert [task.id for task in load_suite(chosen, tmp_path).tasks] == ["b"]


def test_a_folder_that_does_not_parse_is_an_error_and_never_skipped(tmp_path: Path) -> None:
    _folder(tmp_path, "good")
    for number in range(5):
        _folder(tmp_path, f"bad{number}", toml="[environment]\ngpus = 1\n")
    with pytest.raises(SuiteError) as problem:
        load_suite({"kind": "harbor", "path": "."}, tmp_path)
    assert "bad0/task.toml:2: `environment.gpus`: GPUs are not supported" in problem.value.message
    assert "and 2 more" in problem.value.message
    rest = {"kind": "harbor", "path": ".", "exclude": [f"bad{number}" for number in range(5)]}
    assert [task.id for task in load_suite(rest, tmp_path).tasks] == ["good"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "suite.path"),
        ({"path": "nowhere"}, "is not a folder of tasks"),
        ({"path": "."}, "holds no task folders"),
        ({"path": "mine", "only": ["count-line"]}, "no task folder 'count-line'"),
        ({"path": "mine", "keep_processes": ["count-line"]}, "no task folder 'count-line'"),
        ({"path": "mine", "apart": ["count-line"]}, "no task folder 'count-line'"),
        ({"path": "mine", "system_changes": ["count-line"]}, "no task folder 'count-line'"),
        ({"path": "mine", "apart": True, "keep_processes": True}, "`keep_processes: true` exclude each other"),
        (
            {"path": "mine", "apart": ["count-lines"], "system_changes": True},
            "`system_changes: true` exclude each other",
        ),
        ({"path": "mine", "difficulty": ["hard"]}, "no task has the difficulty 'hard'"),
        ({"path": "mine", "exclude": ["count-*"]}, "no task is left"),
        ({"path": "mine", "dataset": "x"}, "only a registry.json has several"),
        ({"path": "mine", "limits": 3}, "suite.limits"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    if settings.get("path") != ".":
        _folder(tmp_path / "mine")
    with pytest.raises(SuiteError, match=said):
        load_suite({"kind": "harbor", **settings}, tmp_path)


def _placed(path: Path, **settings: object) -> dict[str, SandboxSpec]:
    suite = load_suite({"kind": "harbor", "path": ".", **settings}, path)
    return {task.id: task.environment for task in suite.tasks}


def test_tasks_are_graded_apart_unless_their_work_is_more_than_a_folder(tmp_path: Path) -> None:
    dockerfile = "FROM ratchet-base:bookworm\nRUN true\nWORKDIR {}\n"
    folders = {"a": "/app", "b": "/usr/src/app", "c": "/root", "d": "/usr/lib/x", "e": "/"}
    for name, workdir in folders.items():
        _folder(tmp_path, name)
        (tmp_path / name / "environment" / "Dockerfile").write_text(dockerfile.format(workdir))
    (tmp_path / "b" / "task.toml").write_text("[metadata]\nkeep_processes = true\n")
    assert {name for name, place in _placed(tmp_path, apart=True).items() if place.apart} == {"a"}
    changing = _placed(tmp_path, apart=True, system_changes=["a"])
    assert (changing["a"].apart, changing["a"].system_changes, changing["c"].system_changes) == (False, True, False)
    with pytest.raises(SuiteError, match="'c' cannot be graded apart: its work directory is /root"):
        _placed(tmp_path, apart=["c"])


def test_a_run_file_says_who_agent_and_verifier_are_where_the_task_does_not(tmp_path: Path) -> None:
    _folder(tmp_path, "a")
    _folder(tmp_path, "b", toml='[agent]\nuser = "own"\n[verifier]\nuser = 7\n')
    placed = _placed(tmp_path, user="worker", verifier_user="judge")
    assert [(place.user, place.verifier_user) for place in placed.values()] == [("worker", "judge"), ("own", "7")]
    assert len({load_suite({"kind": "harbor", "path": ".", "user": user}, tmp_path).hash for user in ("a", "b")}) == 2
