"""A folder with everything a run needs, right until a row of the table spoils it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN_FILE = """\
suite: {kind: harbor, path: tasks}
harness: mine
prices: prices.yaml
models:
  task: {model: simulated}
  proposer: {model: simulated}
  reflector: {model: simulated}
simulated: {mix: {good: 0.4, useless: 0.2, harmful: 0.2, overfit: 0.2}}
splits: {train: 2, heldout: 3, test: 2}
gate:
  mode: explore
  k_max: 4
  stages: [1, 2]
  futility: [0.0]
  min_tasks: 2
  force: true
replicates: {preflight: 1, baseline: 1, screen: 1, certify: 1}
stop: {iterations: 1}
schedule: {kind: inline}
sandbox: {kind: process}
"""
TASK = {
    "task.toml": 'version = "1.0"\n\n[metadata]\nany_image = true\n',
    "instruction.md": "Write 1 into out.txt.\n",
    "environment/Dockerfile": "FROM debian:12\nWORKDIR /app\n",
    "tests/test.sh": 'cat out.txt | grep -cx 1 > "$LOGS_DIR/verifier/reward.txt"\n',
    "solution/solve.sh": "echo 1 > out.txt\n",
}
HARNESS = {
    "harness.yaml": "name: mine\nlimits:\n  turns: 9\n",
    "prompts/system.md": "Work carefully.\n",
    "tools/look/tool.yaml": "name: look\ndescription: Look at a file.\ninput_schema: {type: object}\n",
    "tools/look/run": "#!/bin/sh\ncat\n",
    "skills/tidy/SKILL.md": "# Read this before tidying up\n",
}
PRICES = """\
checked: 2026-11-22
models:
  simulated:
    - {since: 2026-01-01, input: 1, output: 5, cache_read: 0.1, nominal: true, source: made up}
"""
TRIAL = """\
{"id": "1", "task_name": "a", "trial_name": "a__1", "agent_info": {"name": "other"},
 "verifier_result": {"rewards": {"reward": 0.5}}}
"""
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "RATCHET_RUNS_DIR", "RATCHET_FORMAT")


@dataclass(frozen=True)
class Desk:
    """Hold the folder; paths are relative to it."""

    root: Path

    def lay_out(self) -> None:
        """Write a run file that works, with all that it names."""
        self.write("night.yaml", RUN_FILE)
        self.write("prices.yaml", PRICES)
        for name, text in HARNESS.items():
            self.write(f"mine/{name}", text)
        for number in range(7):
            for name, text in TASK.items():
                self.write(f"tasks/t{number}/{name}", text)

    def write(self, name: str, content: str | bytes) -> None:
        """Write one file."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace what must stand in a file."""
        text = (self.root / name).read_text()
        assert old in text, f"{name} holds no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def remove(self, name: str) -> None:
        """Remove a file or folder."""
        path = self.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def put_run(self, source: Path, name: str = "done") -> None:
        """Put a copy of a finished run where runs are kept."""
        shutil.copytree(source, self.root / "runs", dirs_exist_ok=True)
        if name != source.name and name != "done":
            (self.root / "runs/done").rename(self.root / "runs" / name)

    def content(self) -> dict[str, str]:
        """Give a digest of everything in the folder, links and empty folders included."""
        return {
            str(path.relative_to(self.root)): _digest(path)
            for path in sorted(self.root.rglob("*"))
            if not path.name.endswith(("-shm", "-wal"))
        }  # SQLite makes these when it reads


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"link to {path.readlink()}"
    if path.is_dir():
        return "folder"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "special"


@contextlib.contextmanager
def environment(**settings: str) -> Iterator[None]:
    """Set variables of the environment, and none of those that Ratchet reads otherwise."""
    before: Mapping[str, str] = dict(os.environ)
    for name in KEYS:
        os.environ.pop(name, None)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
