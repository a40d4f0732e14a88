"""An agent in a jail cannot reach what its attempt is measured by, by whatever name; the guard sees nothing moved."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from optimizer.ground import evaluator, suite_files
from task_agent.sandbox import SandboxKind, open_sandbox

from .cases import REPOSITORY, SPEC, every_jail

ATTEMPTS = {
    "append": "echo x >> {path}",
    "replace": "rm -f {path}; mkdir -p $(dirname {path}); echo x > {path}",
    "rename over": "echo x > mine; mv -f mine {path}",
    "through python": "python3 -c 'import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(1))' {path}",
    "through a link": "ln -sf {path} link; echo x >> link",
    "through the first process": "echo x >> /proc/1/root{path}; echo x >> /proc/1/cwd{path}",
    "through a mount": "mkdir -p m; mount --bind $(dirname {path}) m; echo x >> m/$(basename {path})",
    "change of rights": "chmod 777 {path}; truncate -s 0 {path}",
    "up the tree": "echo x >> ../../../../../../../../..{path}",
    "by descriptors": "for fd in /proc/*/fd/*; do echo x >> $fd; done",
}


@every_jail
@pytest.mark.parametrize("how", ATTEMPTS)
async def test_no_way_leads_from_inside_to_what_grades_or_to_the_suite(
    kind: SandboxKind, how: str, tmp_path: Path
) -> None:
    suite = tmp_path / "tasks"
    (suite / "one" / "tests").mkdir(parents=True)
    (suite / "one" / "tests" / "test.sh").write_text("exit 1\n")
    (suite / "one" / "tests" / "test.sh").chmod(0o666)
    aims = [REPOSITORY / "benchmarks" / "verify.py", suite / "one" / "tests" / "test.sh"]
    before = {**evaluator(), **suite_files([suite])}
    sandbox = open_sandbox(kind, SPEC)
    try:
        for path in aims:
            await sandbox.exec(ATTEMPTS[how].format(path=shlex.quote(str(path))), timeout_s=20)
    finally:
        await sandbox.close()
    assert {**evaluator(), **suite_files([suite])} == before
