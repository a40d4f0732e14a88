"""What a proposer can look at, bounded, with a way to narrow what was cut."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from optimizer.propose.views import TRAIN, AttemptView
from optimizer.propose.workspace import READABLE, Workspace
from task_agent.tools.base import ToolInput, shorten
from traces.errors import NotFoundError, UsageError
from traces.event import Event
from traces.render import render
from traces.store import TraceStore

OUTPUT_CHARS = 24_000
"""No answer is longer."""
EVENT_CHARS = 3_000
CELL_CHARS = 1_500
ROWS = 100
MAX_LISTED = 200
SQL_TIMEOUT_S = 20.0


def list_attempts(workspace: Workspace, given: ToolInput) -> str:
    """List train attempts, the champion's first, then the newest candidates', imported ones last."""
    chosen = [attempt for attempt in _ordered(workspace) if _wanted(attempt, given)]
    if not chosen:
        return f"no attempt fits{_known(workspace, given)}"
    limit = min(max(1, int(given.get("limit", 20))), MAX_LISTED)
    lines = [json.dumps(attempt.to_record(), ensure_ascii=False) for attempt in chosen[:limit]]
    if len(chosen) > limit:
        lines.append(f"showing {limit} of {len(chosen)}; add candidate, outcome or task, or raise limit")
    return "\n".join(lines)


def read_trace(workspace: Workspace, given: ToolInput) -> str:
    """Render one train attempt."""
    only = [kind.strip() for kind in str(given.get("only", "")).split(",") if kind.strip()]
    grep = str(given["grep"]) if given.get("grep") else None
    text = render(events_of(workspace, str(given["attempt"])), only=only, grep=grep, max_chars=EVENT_CHARS)
    return cut(text, "narrow it with `only` or `grep`, or use query_traces")


def blank_trace(workspace: Workspace, given: ToolInput) -> str:
    """Show that an attempt exists, and nothing of it."""
    events_of(workspace, str(given["attempt"]))
    return f"{given['attempt']}\n(this session shows no traces)"


def query_traces(workspace: Workspace, given: ToolInput) -> str:
    """Answer one SELECT over the train traces in JSON lines."""
    return _query(workspace.store, str(given["sql"]))


def blank_query(workspace: Workspace, given: ToolInput) -> str:
    """Answer over a store that holds no event, so that no expression can see one."""
    return _query(TraceStore(workspace.root / "no-traces"), str(given["sql"]))


def read_file(workspace: Workspace, given: ToolInput) -> str:
    """Show a text file, or list a folder."""
    path = str(given["path"])
    found = workspace.locate(path)
    if found.is_dir():
        return cut("\n".join(_listing(found, path)) or "(empty)", "name a folder below it")
    if not found.is_file():
        raise UsageError(f"{path!r} is no plain file")
    return shorten(found.read_bytes().decode("utf-8", "replace"), OUTPUT_CHARS) or "(empty)"


def _ordered(workspace: Workspace) -> list[AttemptView]:
    attempts = sorted(workspace.attempts, key=lambda attempt: attempt.id)
    imported = {attempt.candidate for attempt in attempts if attempt.imported}
    newest = sorted({attempt.candidate for attempt in attempts}, reverse=True)
    newest.sort(key=lambda candidate: (candidate != workspace.champion_id, candidate in imported))
    rank = {candidate: number for number, candidate in enumerate(newest)}
    return sorted(attempts, key=lambda attempt: rank[attempt.candidate])


def _wanted(attempt: AttemptView, given: ToolInput) -> bool:
    return (
        given.get("candidate") in (None, "", attempt.candidate)
        and given.get("outcome") in (None, "", attempt.outcome)
        and given.get("task") in (None, "", attempt.task)
    )


def _known(workspace: Workspace, given: ToolInput) -> str:
    """Say which filter names nothing at all, with what comes close."""
    tasks, candidates = ({getattr(a, part) for a in workspace.attempts} for part in ("task", "candidate"))
    for name, values in (("task", tasks), ("candidate", candidates)):
        wanted = str(given.get(name) or "")
        if wanted and wanted not in values:
            near = difflib.get_close_matches(wanted, sorted(values), n=3, cutoff=0.4)
            return f": no {name} {wanted!r} has train attempts" + (f"; did you mean {', '.join(near)}?" if near else "")
    return ""


def events_of(workspace: Workspace, attempt: str) -> list[Event]:
    events = workspace.store.read_attempt(attempt)
    if not events or events[0].key.split != TRAIN:
        raise NotFoundError("attempt", attempt, hint="`list_attempts` lists them")
    return events


def _query(store: TraceStore, sql: str) -> str:
    from traces.query import run_sql  # loads DuckDB

    answer = run_sql(store, [TRAIN], sql, limit=ROWS, timeout_s=SQL_TIMEOUT_S)
    lines = list(_within(_row_lines(answer.to_records())))
    if not lines:
        return "no rows"
    if answer.truncated or len(lines) < len(answer.rows):
        lines.append(f"showing {len(lines)} rows of more; narrow with WHERE, GROUP BY, LIMIT or substr(text, 1, 300)")
    return "\n".join(lines)


def _row_lines(records: Iterable[dict[str, object]]) -> Iterator[str]:
    for record in records:
        cells = {
            name: shorten(value, CELL_CHARS) if isinstance(value, str) else value for name, value in record.items()
        }
        yield json.dumps(cells, ensure_ascii=False, default=str)


def _within(lines: Iterable[str]) -> Iterator[str]:
    """Pass lines on until the answer is long enough; the first one always, shortened."""
    used = 0
    for line in lines:
        if used and used + len(line) > OUTPUT_CHARS:
            return
        used += len(line)
        yield shorten(line, OUTPUT_CHARS)


def _listing(folder: Path, path: str) -> list[str]:
    top = path.strip("/").split("/")[0]
    prefix = f"{path.strip('/')}/" if top in READABLE else ""
    if top in READABLE and top == path.strip("/"):
        return sorted(f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}" for entry in folder.iterdir())
    return sorted(f"{prefix}{file.relative_to(folder).as_posix()}" for file in _files_below(folder))


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            yield from _files_below(entry)
        elif entry.is_file() and not entry.is_symlink():
            yield entry


def cut(text: str, hint: str) -> str:
    if len(text) <= OUTPUT_CHARS:
        return text
    return f"{text[:OUTPUT_CHARS]}\n[showing {OUTPUT_CHARS:,} of {len(text):,} characters; {hint}]"
