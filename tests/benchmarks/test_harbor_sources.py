"""Where Harbor's datasets come from: registries, packages, checkouts; and which of their tasks are taken."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import SuiteError, load_suite

URL = "https://git.example/tasks.git"


def _task(folder: Path, difficulty: str = "easy", category: str = "files") -> None:
    files = {
        "task.toml": f'version = "1.0"\n[metadata]\ndifficulty = "{difficulty}"\ncategory = "{category}"\n',
        "instruction.md": "Do it.\n",
        "environment/Dockerfile": "FROM debian:bookworm\nWORKDIR /app\n",
        "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _registry(root: Path, **changed: object) -> None:
    task = {"name": "a", "git_url": URL, "git_commit_id": None, "path": "set/a"} | changed.pop("task", {})  # type: ignore[operator]  # a dict or absent
    entry = {"name": "small", "version": "1.0", "description": "x", "tasks": [task]} | changed
    (root / "registry.json").write_text(json.dumps([entry, {"name": "other", "tasks": []}]))


def _ids(root: Path, **settings: object) -> list[str]:
    return [task.id for task in load_suite({"kind": "harbor", **settings}, root).tasks]


def test_a_registry_leads_to_the_tasks_of_a_checkout(tmp_path: Path) -> None:
    _task(tmp_path / "checkout" / "set" / "a")
    _registry(tmp_path)
    for name in ("small", "small@1.0"):
        assert _ids(tmp_path, path="registry.json", dataset=name, checkouts={URL: "checkout"}) == ["a"]


def test_a_registry_of_local_tasks_needs_no_checkout(tmp_path: Path) -> None:
    _task(tmp_path / "here" / "a")
    _registry(tmp_path, task={"git_url": None, "path": "here/a"})
    assert _ids(tmp_path, path="registry.json", dataset="small") == ["a"]


def test_a_checkout_at_another_commit_is_refused(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    _task(checkout / "set" / "a")
    git = ["git", "-C", str(checkout), "-c", "user.name=n", "-c", "user.email=e@e"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    there = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    chosen = {"path": "registry.json", "dataset": "small", "checkouts": {URL: "checkout"}}
    _registry(tmp_path, task={"git_commit_id": there})
    assert _ids(tmp_path, **chosen) == ["a"]
    _registry(tmp_path, task={"git_commit_id": "0" * 40})
    with pytest.raises(SuiteError, match=f"is at {there[:12]}, and task 'a' wants 000000000000"):
        _ids(tmp_path, **chosen)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "holds 2 datasets"),
        ({"dataset": "smal"}, "holds 0 datasets 'smal'"),
        ({"dataset": "small"}, "task 'a' is in https://git.example/tasks.git, and nothing is fetched here"),
    ],
)
def test_what_a_registry_leaves_open_is_asked_for(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    _registry(tmp_path)
    with pytest.raises(SuiteError, match=said):
        _ids(tmp_path, path="registry.json", **settings)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"metrics": [{"type": "max"}]}, "`metrics`: a score is the mean"),
        ({"licence": "x"}, "is not a registry: `licence`: Extra inputs"),
    ],
)
def test_what_a_registry_asks_beyond_that_is_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    _registry(tmp_path, **changed)
    with pytest.raises(SuiteError, match=said):
        _ids(tmp_path, path="registry.json", dataset="small", checkouts={URL: "checkout"})


def test_a_dataset_toml_leads_to_the_tasks_beside_it(tmp_path: Path) -> None:
    _task(tmp_path / "a")
    _task(tmp_path / "b")
    text = '[dataset]\nname = "me/two"\n[[tasks]]\nname = "me/b"\ndigest = "sha256:00"\n'
    (tmp_path / "dataset.toml").write_text(text)
    suite = load_suite({"kind": "harbor", "path": "dataset.toml"}, tmp_path)
    assert (suite.name, [task.id for task in suite.tasks]) == ("me/two", ["b"])
    (tmp_path / "dataset.toml").write_text(text + '[[files]]\npath = "metric.py"\n')
    with pytest.raises(SuiteError, match=r"the metric 'metric\.py' is not run"):
        _ids(tmp_path, path="dataset.toml")


def test_tasks_are_chosen_by_name_difficulty_and_category(tmp_path: Path) -> None:
    for name, difficulty, category in (("a1", "easy", "x"), ("a2", "hard", "x"), ("b1", "hard", "y")):
        _task(tmp_path / "set" / name, difficulty, category)
    (tmp_path / "set" / "scripts").mkdir()
    assert _ids(tmp_path, path="set") == ["a1", "a2", "b1"]
    assert _ids(tmp_path, path="set", only=["a*"], exclude=["*1"]) == ["a2"]
    assert _ids(tmp_path, path="set", difficulty=["hard"]) == ["a2", "b1"]
    assert _ids(tmp_path, path="set", difficulty=["hard"], category=["y"]) == ["b1"]


def test_a_folder_that_means_to_be_a_task_is_never_passed_over(tmp_path: Path) -> None:
    _task(tmp_path / "set" / "a")
    (tmp_path / "set" / "half").mkdir()
    (tmp_path / "set" / "half" / "instruction.md").write_text("x\n")
    with pytest.raises(SuiteError, match=r"half/task\.toml: is missing"):
        _ids(tmp_path, path="set")


def test_a_folder_too_high_is_told_from_an_empty_one(tmp_path: Path) -> None:
    _task(tmp_path / "repo" / "tasks" / "a")
    with pytest.raises(SuiteError) as problem:
        _ids(tmp_path, path="repo")
    assert problem.value.hint.endswith("repo/tasks?")


def test_images_are_mapped_wherever_they_are_named_and_count_in_the_digest(tmp_path: Path) -> None:
    _task(tmp_path / "set" / "plain")
    _task(tmp_path / "set" / "built")
    (tmp_path / "set" / "built" / "environment" / "Dockerfile").write_text("FROM debian:bookworm AS x\nRUN true\n")
    plain = load_suite({"kind": "harbor", "path": "set"}, tmp_path)
    mapped = load_suite({"kind": "harbor", "path": "set", "images": {"debian:bookworm": "mine:1"}}, tmp_path)
    assert mapped.task("plain").environment.image == "mine:1"
    context = mapped.task("built").environment.build_context
    assert context is not None
    assert context["Dockerfile"] == b"FROM mine:1 AS x\nRUN true\n"
    assert all(plain.task(name).digest != mapped.task(name).digest for name in ("plain", "built"))


def test_offline_cuts_every_phase_off_and_tells_the_verifiers_tools(tmp_path: Path) -> None:
    _task(tmp_path / "set" / "a")
    (tmp_path / "set" / "a" / "task.toml").write_text("[environment]\nallow_internet = true\n")
    given = {"kind": "harbor", "path": "set"}
    assert load_suite(given, tmp_path).task("a").environment.network
    offline = load_suite({**given, "offline": True}, tmp_path).task("a")
    assert (offline.environment.network, offline.environment.verifier_network) == (False, None)
    assert offline.verifier_env["UV_OFFLINE"] == "1"


def test_a_host_variable_is_taken_only_where_the_run_file_allows_it(tmp_path: Path) -> None:
    _task(tmp_path / "set" / "a")
    (tmp_path / "set" / "a" / "task.toml").write_text('[environment.env]\nA = "${PATH}"\nB = "${PATH:-no}"\n')
    with pytest.raises(SuiteError, match=r"allow it with `suite\.host_env: \[PATH\]`"):
        load_suite({"kind": "harbor", "path": "set"}, tmp_path)
    allowed = load_suite({"kind": "harbor", "path": "set", "host_env": ["PATH"]}, tmp_path)
    assert allowed.task("a").environment.env == {"A": os.environ["PATH"], "B": os.environ["PATH"]}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["typo/Task.toml", "typo/instructions.md"], "'typo' has 'Task.toml'"),
        (["typo/task.yaml", "typo/run-tests.sh"], "'typo' has 'run-tests.sh'"),
        (["typo/inner/task.toml"], "'typo' holds tasks further down, such as typo/inner"),
    ],
)
def test_a_folder_beside_tasks_that_looks_like_one_is_excluded_or_refused(
    tmp_path: Path, files: list[str], said: str
) -> None:
    _task(tmp_path / "good")
    for name in (*files, "docs/page.md", ".git/task.toml", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    with pytest.raises(SuiteError, match=said) as problem:
        _ids(tmp_path, path=".")
    assert "suite.exclude" in (problem.value.hint or "")
    assert _ids(tmp_path, path=".", exclude=["typo"]) == _ids(tmp_path, path=".", only=["good"]) == ["good"]


def test_a_registry_may_name_a_tag_and_leave_open_what_is_optional(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    _task(checkout / "set" / "a")
    git = ["git", "-C", str(checkout), "-c", "user.name=n", "-c", "user.email=e@e"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"], ["tag", "-am", "x", "v2"]):
        subprocess.run([*git, *words], check=True)
    chosen = {"path": "registry.json", "dataset": "small", "checkouts": {URL: "checkout"}}
    for name in ("HEAD", "v1", "v2"):
        _registry(tmp_path, task={"git_commit_id": name}, version=None, metrics=None)
        assert _ids(tmp_path, **chosen) == ["a"]
    _registry(tmp_path, task={"git_commit_id": "v3"})
    with pytest.raises(SuiteError, match="wants v3"):
        _ids(tmp_path, **chosen)
    (tmp_path / "registry.json").write_text("{}")
    with pytest.raises(SuiteError, match="must be a list of datasets, and is an object"):
        _ids(tmp_path, **chosen)


def test_images_are_mapped_by_arguments_and_where_files_are_copied_from(tmp_path: Path) -> None:
    _task(tmp_path / "a")
    lines = (
        "ARG V=3.13\nFROM python:${V} AS one\nFROM python:$V\nCOPY --from=one x x\nCOPY --chown=1 --from=tool:1 y y\n"
    )
    (tmp_path / "a" / "environment" / "Dockerfile").write_text(lines + "WORKDIR /app\n")
    images = {"python:3.13": "mine:1", "tool:1": "mine:2"}
    context = load_suite({"kind": "harbor", "path": ".", "images": images}, tmp_path).tasks[0].environment.build_context
    assert context is not None
    expected = lines.replace("python:${V}", "mine:1").replace("python:$V", "mine:1").replace("tool:1", "mine:2")
    assert context["Dockerfile"].decode() == expected + "WORKDIR /app\n"


@pytest.mark.parametrize(
    ("toml", "dockerfile", "said"),
    [
        ("", "FROM x\nRUN y\nWORKDIR /tests\n", "Dockerfile:3: the work cannot be at '/tests'"),
        (
            '[environment]\nworkdir = "/solution"\n',
            "FROM x\n",
            "task.toml:2: `environment.workdir`: the work cannot be",
        ),
        ("[environment]\ncpus = inf\n", "FROM x\nWORKDIR /app\n", "task.toml:2: `environment.cpus`"),
        ("[environment]\nbuild_timeout_sec = inf\n", "FROM x\n", "task.toml:2: `environment.build_timeout_sec`"),
        (
            '[[steps]]\nname = "s"\n[[steps]]\nname = "s"\n',
            "FROM x\n",
            "task.toml:4: `steps.1.name`: 's' is the name of",
        ),
    ],
)
def test_what_could_never_run_is_refused_by_its_line(tmp_path: Path, toml: str, dockerfile: str, said: str) -> None:
    _task(tmp_path / "a")
    (tmp_path / "a" / "task.toml").write_text(toml)
    (tmp_path / "a" / "environment" / "Dockerfile").write_text(dockerfile)
    with pytest.raises(SuiteError) as problem:
        _ids(tmp_path, path=".")
    assert said in problem.value.message


def test_a_table_of_another_meaning_gets_no_far_fetched_suggestion(tmp_path: Path) -> None:
    _task(tmp_path / "a")
    (tmp_path / "a" / "task.toml").write_text("[oracle]\nx = 1\n")
    with pytest.raises(SuiteError, match="`oracle`: is not a field of this format") as problem:
        _ids(tmp_path, path=".")
    assert "did you mean" not in problem.value.message
