"""What of failures a proposer can look at between an overview and a trace: clusters, digests, pairs of attempts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from optimizer.propose._reading import cut, events_of
from optimizer.propose.clusters import Cluster, clusters, failures
from optimizer.propose.views import View
from optimizer.propose.workspace import CLUSTERS, DIGESTS, Workspace, slug, write_lines
from task_agent.tools.base import ToolInput
from traces.errors import NotFoundError, UsageError
from traces.event import Event
from traces.side_by_side import beside, compare
from traces.store import TraceStore
from traces.styled import Line

MAX_CLUSTERS: Final = 30
IN_OPENING: Final = 8
_PAIR_COLUMNS: Final = 160
SHOWS: Final[dict[View, str]] = {
    "traces": "",
    "digests": "This session shows clusters and digests of failing attempts, and no traces.",
    "scores": "This session shows how attempts ended, and nothing of what happened in them.",
    "blanked": "",
}
"""What an opening says of a session that sees less."""


def clusters_of(
    workspace: Workspace, candidate: str, *, task: str = "", store: TraceStore | None = None
) -> list[Cluster]:
    """Sort a candidate's failing train attempts, on one task or all; `store` is the workspace's own unless given."""
    mine = [a for a in workspace.attempts if a.candidate == candidate and task in ("", a.task)]
    return clusters(failures(store or workspace.store, mine, {digest.attempt: digest for digest in workspace.digests}))


def list_clusters(workspace: Workspace, given: ToolInput) -> str:
    """List a candidate's clusters, or show one in full."""
    candidate, task = str(given.get("candidate") or workspace.champion_id), str(given.get("task") or "")
    found, name = clusters_of(workspace, candidate, task=task), str(given.get("cluster") or "")
    if name:
        return _whole(found, name)
    if not found:
        return f"no failing train attempt of {candidate}{f' at {task}' if task else ''}"
    lines = [json.dumps(each.to_record(whole=False), ensure_ascii=False) for each in found[:MAX_CLUSTERS]]
    if len(found) > MAX_CLUSTERS:
        lines.append(
            f"showing {MAX_CLUSTERS} of {len(found)}; add task, or look into {CLUSTERS}/{slug(candidate)}.jsonl"
        )
    return cut("\n".join(lines), "add task, or name one cluster")


def _whole(found: list[Cluster], name: str) -> str:
    chosen = next((each for each in found if each.id == name), None)
    if chosen is None:
        raise NotFoundError("cluster", name, close_matches=[each.id for each in found[:3]])
    record = json.dumps(chosen.to_record(), ensure_ascii=False)
    told = "\n\n".join(str(each.digest) for each in chosen.failures if each.digest is not None)
    return cut(f"{record}\n\n{told}".rstrip(), "`read_digest` and `read_trace` show single attempts")


def read_digest(workspace: Workspace, given: ToolInput) -> str:
    """Show what an analyst wrote of an attempt."""
    attempt = str(given["attempt"])
    found = next((digest for digest in workspace.digests if digest.attempt == attempt), None)
    if found is None:
        raise NotFoundError("digest", attempt, hint="`list_clusters` names attempts, those of basis digest have one")
    return str(found)


def compare_attempts(workspace: Workspace, given: ToolInput) -> str:
    """Lay two attempts of one task beside each other, from where they part."""
    names = [str(given["passing"]), str(given["failing"])]
    left, right = (events_of(workspace, name) for name in names)
    if left[0].key.task != right[0].key.task:
        raise UsageError(f"{names[0]} and {names[1]} are attempts at different tasks")
    heads = [f"{side}: {_said(workspace, name)}" for side, name in zip(("left", "right"), names, strict=True)]
    page = "\n".join([*heads, "", *(_plain(line) for line in beside(compare(left, right), _PAIR_COLUMNS))])
    return cut(page, "`read_trace` shows each, with `only` and `grep`")


def _said(workspace: Workspace, name: str) -> str:
    view = next((attempt for attempt in workspace.attempts if attempt.id == name), None)
    return name if view is None else f"{name} {view.outcome}{f', {view.cause}' if view.cause else ''}"


def _plain(line: Line) -> str:
    return line.painted()


def blank_clusters(workspace: Workspace, given: ToolInput) -> str:
    """Show nothing of what failures have in common."""
    return "(this session shows no traces)"


def blank_pair(workspace: Workspace, given: ToolInput) -> str:
    """Show that two attempts exist, and nothing of them."""
    sides: list[list[Event]] = [events_of(workspace, str(given[name])) for name in ("passing", "failing")]
    return f"{' and '.join(events[0].key.attempt for events in sides)}\n(this session shows no traces)"


def opening_lines(workspace: Workspace, view: View) -> Iterator[str]:
    """Say in the opening which clusters the champion's failures make, as far as the session sees them."""
    if SHOWS[view]:
        yield SHOWS[view]
    found = clusters_of(workspace, workspace.champion_id) if view in ("traces", "digests") else []
    if not found:
        return
    failing = [failure for each in found for failure in each.failures]
    read = sum(failure.digest is not None for failure in failing)
    analyst = f"; an analyst read {read}" if read else ""
    yield f"Failure clusters of its {len(failing)} attempts that did not pass{analyst} (in full: list_clusters):"
    yield from (_line(each) for each in found[:IN_OPENING])
    if len(found) > IN_OPENING:
        rest = sum(len(each.failures) for each in found[IN_OPENING:])
        yield f"- {len(found) - IN_OPENING} more with {rest} attempts: list_clusters"


def _line(cluster: Cluster) -> str:
    failed, tasks = len(cluster.failures), len(cluster.tasks)
    count = f"{failed} attempt{'' if failed == 1 else 's'} at {tasks} task{'' if tasks == 1 else 's'}"
    missing = f" ({cluster.missing} missing)" if cluster.missing else ""
    return f"- {cluster.id}: {cluster.cause!r} ({cluster.basis}), {count}{missing}, such as {cluster.examples[0].where}"


def write_evidence(workspace: Workspace, store: TraceStore) -> None:
    """Write every candidate's clusters, one a line, and every digest into the workspace's folder.

    `store` is the run's: of it only the train attempts that the workspace has anyway are read, once a night and not
    once a workspace.
    """
    (workspace.root / CLUSTERS).mkdir()
    for candidate in sorted({attempt.candidate for attempt in workspace.attempts}):
        found = clusters_of(workspace, candidate, store=store)
        write_lines(workspace.root / CLUSTERS / f"{slug(candidate)}.jsonl", (each.to_record() for each in found))
    if workspace.digests:
        (workspace.root / DIGESTS).mkdir()
    for digest in workspace.digests:
        (workspace.root / DIGESTS / f"{slug(digest.attempt)}.txt").write_text(f"{digest}\n", encoding="utf-8")
