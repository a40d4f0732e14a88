"""Grade the answer to one row of a table; run beside `how`, `answer_column`, `row.json` and maybe `grader`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

MOST = 1_000_000


def read_answer(path: Path) -> str:
    """Read the answer's file; a link, a missing, huge or odd one is no answer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return file.read(MOST).decode("utf-8", "replace")
    except OSError:
        return ""


def number(text: str) -> float | None:
    """Read a number, also with thousands separators, a percent or a currency sign."""
    try:
        return float(text.strip().strip("$€£% ").replace(",", "").replace(" ", ""))
    except ValueError:
        return None


def plain(how: str, expected: str, answer: str) -> float:
    """Compare with the expected answer; blanks around it and the case of letters do not matter."""
    wanted, given = expected.strip().casefold(), answer.strip().casefold()
    if how == "contains":
        return float(wanted in given)
    if how == "number":
        one, other = number(wanted), number(given)
        return float(one is not None and other is not None and abs(one - other) <= 1e-6 * max(1.0, abs(one)))
    return float(wanted == given)


def by_python(row: dict[str, object], answer: str) -> object:
    """Ask `grade(row, answer)` of the grader's file."""
    names: dict[str, object] = {"__name__": "grader", "__file__": "grader"}
    exec(compile(Path("grader").read_bytes(), "grader", "exec"), names)  # the suite owner's own file
    grade = names["grade"]
    return grade(row, answer)  # type: ignore[operator]  # the file defines it as a function


def by_shell(answer: Path, workdir: str) -> object:
    """Run the grader's script; its last line is the reward."""
    env = {**os.environ, "ANSWER_FILE": str(answer), "ROW_FILE": str(Path("row.json").resolve())}
    script = str(Path("grader").resolve())
    done = subprocess.run(["bash", script], env=env, cwd=workdir, stdout=subprocess.PIPE, text=True, check=False)
    sys.stdout.write(done.stdout)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    try:
        return float(last)
    except ValueError:
        sys.exit(f"the last line that the grader printed is no number: {last[:80]!r}")


def main(workdir: str) -> None:
    """Write the reward."""
    row: dict[str, object] = json.loads(Path("row.json").read_text(encoding="utf-8"))
    how, column = (Path(name).read_text(encoding="utf-8") for name in ("how", "answer_column"))
    path = Path(workdir) / "answer.txt"
    answer = read_answer(path)
    if how == "python":
        reward = by_python(row, answer)
    elif how == "shell":
        reward = by_shell(path, workdir)
    else:
        expected = row[column]
        reward = plain(how, expected if isinstance(expected, str) else json.dumps(expected, ensure_ascii=False), answer)
    content = reward if isinstance(reward, dict) else float(reward)  # type: ignore[arg-type]  # else it says why
    logs = Path(os.environ.get("LOGS_DIR", "/logs")) / "verifier"
    (logs / "reward.json").write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
