"""The first thing a proposer reads: where the run stands, in one page, with ways to dig deeper."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from optimizer.propose._evidence import opening_lines
from optimizer.propose.pivot import Pivot
from optimizer.propose.views import AttemptView, CandidateView, TrainScore, View
from optimizer.propose.workspace import Workspace
from task_agent.harness.surface import AREAS

MAX_CANDIDATES = 40
MAX_TASKS = 40


def overview(
    workspace: Workspace, slot: int, view: View = "traces", told: Sequence[str] = (), pivot: Pivot | None = None
) -> str:
    """Write the opening message of the session with number `slot`; `told` are lines about its author and task."""
    mine = [attempt for attempt in workspace.attempts if attempt.candidate == workspace.champion_id and attempt.counts]
    parts = [
        f"{pivot.label if pivot else 'Champion'}: {workspace.champion_id} (harness {workspace.champion.short_hash})",
        *(_outcomes(mine) if workspace.attempts else ()),
        *opening_lines(workspace, view),
        *_imported(workspace.attempts),
        "",
        *_history(workspace.history),
        "",
        f"Edit surface: {_surface(workspace)}",
        f"Files of the harness: {', '.join(workspace.champion.files)}",
        *([f"Train tasks: {len(workspace.tasks)} (tasks/index.jsonl)"] if workspace.tasks else []),
        *(pivot.opening() if pivot else ()),
        *told,
        f"Slot: {slot}",
    ]
    return "\n".join(parts)


def train_score(attempts: Iterable[AttemptView]) -> TrainScore:
    """Average rewards task by task, so that a task tried more often does not count for more."""
    rewards: dict[str, list[float]] = defaultdict(list)
    planned = 0
    for attempt in attempts:
        planned += 1
        if attempt.reward is not None:
            rewards[attempt.task].append(attempt.reward)
    means = [sum(values) / len(values) for values in rewards.values()]
    value = sum(means) / len(means) if means else None
    return TrainScore(value, scored=sum(map(len, rewards.values())), planned=planned)


def _outcomes(attempts: list[AttemptView]) -> Iterator[str]:
    yield f"Train score: {train_score(attempts)}"
    counts = {outcome: sum(a.outcome == outcome for a in attempts) for outcome in ("passed", "failed", "missing")}
    yield f"Its train attempts: {counts['passed']} passed, {counts['failed']} failed, {counts['missing']} missing"
    tried: dict[str, list[AttemptView]] = defaultdict(list)
    for attempt in attempts:
        if attempt.reward is not None:
            tried[attempt.task].append(attempt)
    failing = {task: sum(a.outcome == "failed" for a in several) for task, several in tried.items()}
    worst = sorted((task for task, count in failing.items() if count), key=lambda t: (-failing[t] / len(tried[t]), t))
    if worst:
        shown = ", ".join(f"{task} ({failing[task]} of {len(tried[task])})" for task in worst[:MAX_TASKS])
        more = f", and {len(worst) - MAX_TASKS} more" if len(worst) > MAX_TASKS else ""
        yield f"Tasks it fails: {shown}{more}"


def _imported(attempts: Iterable[AttemptView]) -> Iterator[str]:
    """Say which attempts were made elsewhere: other agents, other places, no score of any candidate here."""
    by_agent: dict[tuple[str, str], list[AttemptView]] = defaultdict(list)
    for attempt in attempts:
        if attempt.imported:
            by_agent[attempt.candidate, attempt.imported].append(attempt)
    for (name, agent), several in by_agent.items():
        counts = ", ".join(f"{sum(a.outcome == of for a in several)} {of}" for of in ("passed", "failed", "missing"))
        yield f"Imported attempts of {name}, made elsewhere by {agent}, part of no score here: {counts}"


def _history(history: tuple[CandidateView, ...]) -> Iterator[str]:
    if not history:
        yield "Earlier candidates: none"
        return
    left_out = max(0, len(history) - MAX_CANDIDATES)
    earlier = f" (the first {left_out} only in candidates/)" if left_out else ""
    yield f"Earlier candidates{earlier}, each with about.json and diff.patch below candidates/:"
    yield from (_line(candidate) for candidate in history[left_out:])


def _line(candidate: CandidateView) -> str:
    facts = [f"{candidate.verdict}: {candidate.public_reason}" if candidate.public_reason else candidate.verdict]
    if candidate.train:
        facts.append(f"train {candidate.train}")
    if candidate.outcome:
        facts.append(f"prediction: {candidate.outcome}")
    return f"- {candidate.id} {candidate.title!r}: {'; '.join(facts)}"


def _surface(workspace: Workspace) -> str:
    allowed = [area for area in AREAS if workspace.surface.allows(area)]
    locked = [area for area in AREAS if area not in allowed]
    return f"{', '.join(allowed) or 'nothing'} may change; {', '.join(locked) or 'nothing'} is locked"
