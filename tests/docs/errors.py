"""What is generated of docs/errors.md: exit codes, families of errors, causes of failed attempts, bad inputs."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from optimizer.cli.exit_codes import ENDINGS, exit_code
from optimizer.failure import CAUSES, SANDBOX_LOST_AT_WORK, UNCLASSIFIED, WORKER_LOST, Cause
from traces.errors import RatchetError

from ..bad_inputs.bad import Bad  # noqa: TID252 - tests are no installed package
from ..bad_inputs.table import GROUPS  # noqa: TID252

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/errors.md"
MENDS = {
    "ConfigError": "mend the line it names; `ratchet config check FILE` lists everything wrong at once",
    "HarnessError": "mend the file of the harness it names; [the harness](harness.md) says what may stand there",
    "SuiteError": "mend the task or key it names, or leave the task out with `exclude`; `ratchet tasks check DIR`",
    "SplitError": "ask for fewer tasks in `splits`, or bring more",
    "RegistryError": "the record in `runs/suites/` is damaged: put it back from a copy, or use another `--runs-dir`",
    "GateConfigError": "mend the key of `gate` it names; see [the keep gate](keep-gate.md)",
    "UsageError": "the hint is the command or option that works; `ratchet help`",
    "UnwritableError": "stdout was closed or its disk is full: send the answer elsewhere",
    "LedgerError": "the run is no longer what was begun: put back what changed, or begin a new one",
    "GroundMovedError": "put back the files it names and resume; on other ground begin a new run",
    "RunLockedError": "another process drives this run: leave it to it, or `ratchet stop RUN` first",
    "NotFoundError": "take the name it suggests, or the list it names",
    "CredentialsError": "`export ANTHROPIC_API_KEY=...`, or `model: simulated`",
    "ProviderError": "look at the provider's status, then `ratchet resume RUN`",
    "OutageError": "`ratchet resume RUN` when the provider or the sandboxes are back; nothing is paid twice",
    "RateLimitedError": "`ratchet resume RUN` later, or fewer `schedule.in_flight`",
    "RateLimitedOutageError": "the same: the rate was limited for longer than `outage.give_up_hours`",
    "SandboxUnavailableError": "`ratchet doctor FILE` says why each kind does not work, and the command that mends it",
    "BudgetError": "read the report; give the next run more with `--budget-usd`",
    "SchedulerStartError": "`ratchet resume RUN` when the machine is less busy, or `schedule: {kind: inline}`",
    "WorkersUnavailableError": "the same",
    "StorageError": "free or mount the disk it names, then `ratchet resume RUN`",
    "LedgerUnusableError": "put `ledger.sqlite` back from a copy, or end the process that holds it",
    "TraceDamagedError": "`ratchet resume RUN` sets the damaged segment aside and names it",
}
"""What mends each family, by class."""
INSIDE = {
    "AttemptError": "of one attempt, see below",
    "DrainedError": "never leaves a run",
    "ScriptEndedError": "of scripted models in tests",
    "WallError": "an answer to a proposer",
}
"""Errors that no command ends with by design, and why."""


def page_text(page: str) -> str:
    """Replace every table between `<!-- table: NAME -->` and `<!-- end of table -->`."""
    made: dict[str, Callable[[], Iterator[str]]] = {"exit codes": _codes, "families": _families, "causes": _causes}

    def fill(found: re.Match[str]) -> str:
        rows = made[found[1]]() if found[1] in made else _inputs(GROUPS[found[1]])
        return "\n".join([f"<!-- table: {found[1]} -->", *rows, "<!-- end of table -->"])

    return re.sub(r"<!-- table: ([\w ]+) -->.*?<!-- end of table -->", fill, page, flags=re.DOTALL)


def classes() -> Iterator[type[RatchetError]]:
    """Give every error of the packages that is raised on purpose, roots before leaves."""
    for package in ("traces", "task_agent", "benchmarks", "optimizer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in _defined(path):
                kind = getattr(importlib.import_module(_module(path)), name)
                if issubclass(kind, RatchetError) and kind is not RatchetError:
                    yield kind


def _defined(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in names if name.endswith("Error") and not name.startswith("_")]


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _codes() -> Iterator[str]:
    yield from ("| code | name | meaning | next |", "|---|---|---|---|")
    yield from (f"| {row.code.value} | {row.name} | {row.meaning} | {row.next} |" for row in ENDINGS)


def _families() -> Iterator[str]:
    yield from ("| error | code | says | mend |", "|---|---|---|---|")
    for kind in sorted(classes(), key=lambda kind: (_code(kind), kind.__name__)):
        if kind.__name__ in MENDS:
            yield f"| `{kind.__name__}` | {_code(kind)} | {_about(kind)} | {MENDS[kind.__name__]} |"


def _code(kind: type[RatchetError]) -> int:
    return exit_code(kind.__new__(kind)).value


def _about(kind: type[RatchetError]) -> str:
    first = (kind.__doc__ or "").strip().splitlines()[0].rstrip(".")
    return first.removeprefix("Say that ").removeprefix("Say ")


def _causes() -> Iterator[str]:
    yield from ("| cause | whose | then |", "|---|---|---|")
    for cause in (*CAUSES.values(), SANDBOX_LOST_AT_WORK, UNCLASSIFIED, WORKER_LOST):
        yield f"| `{cause.name}` | {cause.fault.value} | {_then(cause)} |"


def _then(cause: Cause) -> str:
    if cause.fatal:
        return "the run stops at once; the attempt stays owed"
    if cause.zero:
        return "reward 0, final"
    return "tried again, then missing" if cause.retry else "missing"


def _inputs(rows: Sequence[Bad]) -> Iterator[str]:
    yield from ("| input | code | words |", "|---|---|---|")
    for bad in rows:
        words = " ... ".join(_cell(each) for each in bad.says)
        yield f"| {bad.name} | {bad.code} | {words} |"


def _cell(words: str) -> str:
    """Show words as they are; a code span cannot hold a backtick of its own."""
    shown = words.strip().replace("|", "\\|")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"
