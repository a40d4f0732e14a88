"""`ratchet tasks check`: tasks are sorted, what is found is remembered, and a night stands on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .conftest import Answer

Run = Callable[..., Answer]
ROOT = Path(__file__).parents[3]
GRADE = 'grep -qs right answer && r=1 || r=0\necho $r > "$LOGS_DIR/verifier/reward.txt"\n'
NIGHT = """\
suite: {{kind: harbor, path: set}}
harness: {root}/configs/harnesses/bash-only
prices: {root}/configs/prices.yaml
models: {{task: {{model: simulated}}, proposer: {{model: simulated}}, reflector: {{model: simulated}}}}
splits: {{train: 2, heldout: 5, test: 2}}
gate: {{mode: explore, k_max: 2, min_tasks: 4}}
sandbox: {{kind: process, allow_unsafe: true}}
"""


def _night(root: Path) -> Path:
    """Write ten tasks, of which `t3` has a wrong solution, and a run file on them."""
    for number in range(10):
        files = {
            "task.toml": "[metadata]\n",
            "instruction.md": f"Write the answer {number}.\n",
            "environment/Dockerfile": "FROM debian:bookworm\nWORKDIR /app\n",
            "tests/test.sh": GRADE,
            "solution/solve.sh": f"echo {'wrong' if number == 3 else 'right'} > answer\n",
        }
        for path, text in files.items():
            (root / "set" / f"t{number}" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "set" / f"t{number}" / path).write_text(text)
    (root / "night.yaml").write_text(NIGHT.format(root=ROOT))
    return root / "night.yaml"


def test_a_check_of_a_run_file_is_remembered_and_its_night_leaves_out_what_failed(ratchet: Run, tmp_path: Path) -> None:
    night, runs = _night(tmp_path), tmp_path / "runs"
    before = ratchet("run", night, "--dry-run", "--json", "--runs-dir", runs)
    assert before.data["tasks"] == "10 of 10 tasks were never checked with `ratchet tasks check`"
    checked = ratchet(
        "tasks", "check", night, "--sandbox", "process", "--allow-unsafe", "--times", 1, "--json", "--runs-dir", runs
    )
    assert checked.code == 2
    states = {row["task"]: row["state"] for row in checked.data["rows"]}
    assert states == {f"t{number}": "broken" if number == 3 else "ok" for number in range(10)}
    assert "9 ok, 1 not (1 broken)" in checked.err
    after = ratchet("run", night, "--dry-run", "--json", "--runs-dir", runs)
    assert after.data["tasks"] == "1 of 10 tasks left out, which a check found 1 broken (t3)"
    assert sum(after.data["splits"].values()) == 9
    assert "tasks      1 of 10 tasks left out" in ratchet("run", night, "--dry-run", "--runs-dir", runs).out


def test_a_path_that_is_not_there_is_not_found(ratchet: Run, tmp_path: Path) -> None:
    assert ratchet("tasks", "check", tmp_path / "gone").code == 3
