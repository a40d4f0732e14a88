"""Runs the agent's program on every case, grades what it wrote, and leaves the reward."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .archive import WorkbookError
from .confine import Confinement
from .expected import Area, difference, load_cases
from .limits import bounded
from .program import run_program, take
from .workbook import Workbook

PROGRAM = "solution.py"


def main(arguments: Sequence[str]) -> None:
    """Grade from the work directory; arguments are the tests' folder, the logs' folder, score and limit."""
    tests, logs, score, limit = arguments
    os.makedirs(logs, exist_ok=True)  # noqa: PTH103 (pathlib costs more than all of this)
    cases = load_cases(_read(f"{tests}/expected.txt"))
    _leave(logs, score, [0] * len(cases))
    passed = [0] * len(cases)
    if not os.path.isfile(PROGRAM):  # noqa: PTH113
        print(f"there is no {PROGRAM} in the work directory")
        return
    runner = _Runner(tests, logs, float(limit))
    done = False
    try:
        for number, (name, areas) in enumerate(cases):
            problem = runner.grade(name, areas)
            passed[number] = 0 if problem else 1
            print(f"case {number + 1}: {problem or 'right'}", flush=True)
        done = True
    finally:
        if not done:
            os.unlink(f"{logs}/reward.json")  # noqa: PTH108 (a fault of the grader is not a zero)
    _leave(logs, score, passed)


class _Runner:
    def __init__(self, tests: str, logs: str, limit_s: float) -> None:
        library = f"{tests}/openpyxl.zip"
        self._tests = tests
        self._limit_s = limit_s
        self._place = f"{os.environ.get('TMPDIR') or '/tmp'}/run-{os.getpid()}"
        os.mkdir(self._place)  # noqa: PTH102
        self._confinement = Confinement([tests, logs], readable=[library], own=[self._place])
        self._confinement.adopt_orphans()
        if not self._confinement.works:
            print("note: this kernel cannot keep the program away from the verifier's files")
        self._env = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "RATCHET_SANDBOX") if name in os.environ}
        self._env |= {"HOME": self._place, "TMPDIR": self._place, "PYTHONPATH": library, "PYTHONDONTWRITEBYTECODE": "1"}

    def grade(self, name: str, areas: Sequence[Area]) -> str:
        """Say what is wrong with the program's result on one case, or nothing."""
        source = f"{self._place}/{name}"
        target = f"{self._place}/{name.rpartition('.')[0]}_output.xlsx"
        _write(source, _read(f"{self._tests}/cases/{name}"))
        ended = run_program(
            PROGRAM, source, target, limit_s=self._limit_s, env=self._env, confinement=self._confinement
        )
        if ended.problem:
            return f"{ended.problem}; it printed {ended.printed[-300:]!r}"
        try:
            return bounded(lambda: difference(areas, Workbook(take(target))))
        except WorkbookError as problem:
            return f"{problem}; it printed {ended.printed[-300:]!r}" if ended.printed else str(problem)


def _leave(logs: str, score: str, passed: Sequence[int]) -> None:
    """Write the reward, so that a name never holds half of it."""
    soft = sum(passed) / len(passed)
    hard = float(all(passed))
    parts = {"reward": soft if score == "soft" else hard, "hard": hard, "soft": soft}
    parts |= {f"case_{number}": float(one) for number, one in enumerate(passed, 1)}
    text = ", ".join(f'"{name}": {value!r}' for name, value in parts.items())
    _write(f"{logs}/.reward", f"{{{text}}}\n".encode())
    os.replace(f"{logs}/.reward", f"{logs}/reward.json")  # noqa: PTH105


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read()


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(content)


if __name__ == "__main__":
    main(sys.argv[1:])
