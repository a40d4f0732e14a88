"""Writes a run's attempts as a Harbor job: a result and an ATIF trajectory for each, where its tools look for them."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from optimizer import __version__
from optimizer.facts import Facts
from optimizer.jobs.causes import exception_of
from optimizer.jobs.result import OURS
from optimizer.jobs.trial import CONFIG, RESULT, TRAJECTORY
from optimizer.ledger import AttemptRow
from traces.atif import to_atif
from traces.errors import NotFoundError, UsageError
from traces.event import Event, EventKind, TokenUsage
from traces.segment import TraceDamagedError
from traces.store import TraceStore

Json = dict[str, Any]  # Any: JSON
_SPACE = uuid.UUID("6f1b0c1e-6d1b-5c53-9d8c-0a3f5f2f7c11")
_NAME_CHARS, _SUFFIX_CHARS = 32, 7


@dataclass(frozen=True, slots=True)
class Written:
    """Count what a job was written from; `bare` trials have no trajectory, since their trace is lost."""

    folder: Path
    trials: int
    bare: int
    planned: int


def write_job(facts: Facts, rows: Sequence[AttemptRow], folder: Path) -> Written:
    """Write attempts that have ended into the new folder `folder`.

    Raises:
        UsageError: The folder exists and is not empty, or cannot be made; or nothing has ended.
    """
    ended = [row for row in rows if row.state != "planned"]
    if not ended:
        raise UsageError("no attempt of these has ended", hint=facts.folder.command("attempts list"))
    _make(folder)
    store, bare = TraceStore(facts.folder.traces), 0
    results: list[Json] = []
    for row in ended:
        events = _events(store, row)
        bare += not events
        results.append(_write_trial(facts, row, events, folder))
    _put(folder / CONFIG, _job_config(facts, folder, ended))
    _put(folder / RESULT, _job_result(facts, results))
    return Written(folder, len(ended), bare, len(rows) - len(ended))


def _make(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", hint="give another folder with -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from None


def _events(store: TraceStore, row: AttemptRow) -> list[Event]:
    try:
        return store.read_attempt(row.spec.id)
    except (NotFoundError, TraceDamagedError):
        return []


def _put(path: Path, document: Json) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")


def _write_trial(facts: Facts, row: AttemptRow, events: Sequence[Event], folder: Path) -> Json:
    name = trial_name(str(facts.lock["uid"]), row.spec.id, row.spec.task)
    own = folder / name
    result = _trial_result(facts, row, events, own)
    _put(own / CONFIG, result["config"])
    _put(own / RESULT, result)
    if events:
        _put(own / "agent" / TRAJECTORY, to_atif(events))
    graded = [event for event in events if event.kind is EventKind.VERIFIER]
    (own / "verifier").mkdir(exist_ok=True)
    if graded:
        said = "\n".join(event.text or "" for event in graded)
        (own / "verifier" / "test-stdout.txt").write_text(said, encoding="utf-8", errors="replace")
    if graded and row.reward is not None:
        (own / "verifier" / "reward.txt").write_text(f"{row.reward!r}\n")
    if row.cause:
        (own / "exception.txt").write_text(f"{row.detail}\n", encoding="utf-8", errors="replace")
    return result


def trial_name(uid: str, attempt: str, task: str) -> str:
    """Name a trial's folder in Harbor's way: the task, and characters that no other attempt has."""
    digest = hashlib.sha256(f"{uid}\0{attempt}".encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', task)[:_NAME_CHARS]}__{digest[:_SUFFIX_CHARS]}"


def _trial_result(facts: Facts, row: AttemptRow, events: Sequence[Event], own: Path) -> Json:
    uid, spec = str(facts.lock["uid"]), row.spec
    ended = events[-1].ts if events else facts.created_at
    begun = ended - row.duration_s
    task_id = {"path": spec.task}
    agent = {"name": f"ratchet-{spec.candidate}", "model_name": facts.lock["models"]["task"]}
    config = {"task": task_id, "trial_name": own.name, "trials_dir": str(own.parent), "agent": agent}
    return {
        "id": str(uuid.uuid5(_SPACE, f"{uid}/{spec.id}")),
        "task_name": spec.task,
        "trial_name": own.name,
        "trial_uri": own.resolve().as_uri(),
        "task_id": task_id,
        "source": None,
        "task_checksum": facts.lock["suite"],
        "config": config,
        "agent_info": _agent_info(facts, row),
        "agent_result": _agent_result(facts, row, events),
        "verifier_result": None if row.reward is None else {"rewards": {**_parts(events), "reward": row.reward}},
        "exception_info": _exception(row, ended),
        "started_at": _moment(begun),
        "finished_at": _moment(ended),
        "environment_setup": None,
        "agent_setup": None,
        "agent_execution": _span([event for event in events if event.kind is not EventKind.VERIFIER]),
        "verifier": _span([event for event in events if event.kind is EventKind.VERIFIER]),
        "step_results": None,
    }


def _agent_info(facts: Facts, row: AttemptRow) -> Json:
    model = facts.lock["models"]["task"]
    provider = "ratchet" if model == "simulated" else "anthropic"
    info = {"name": model, "provider": provider}
    return {"name": f"ratchet-{row.spec.candidate}", "version": row.spec.harness, "model_info": info}


def _agent_result(facts: Facts, row: AttemptRow, events: Sequence[Event]) -> Json:
    usage = sum((event.usage for event in events if event.usage), TokenUsage())
    told = any(event.usage for event in events)
    return {
        "n_input_tokens": usage.input + usage.cache_read + usage.cache_write if told else None,
        "n_cache_tokens": usage.cache_read if told else None,
        "n_output_tokens": usage.output if told else None,
        "cost_usd": None if row.unpriced else row.cost_usd,
        "rollout_details": None,
        "metadata": {OURS: _ours(facts, row)},
    }


def _ours(facts: Facts, row: AttemptRow) -> Json:
    """Say what Harbor has no field for, so that an import gives the same attempt."""
    spec = row.spec
    return {
        "run": facts.folder.id,
        "attempt": spec.id,
        "candidate": spec.candidate,
        "harness": spec.harness,
        "suite": facts.lock["suite"],
        "split": spec.split,
        "purpose": spec.purpose.value,
        "cause": row.cause,
        "detail": row.detail,
        "tokens": row.tokens,
        "duration_s": row.duration_s,
        "turns": row.turns,
        "version": __version__,
    }


def _parts(events: Sequence[Event]) -> dict[str, float]:
    """Give the named rewards beside the one that counts."""
    data = next((event.data for event in reversed(events) if event.kind is EventKind.VERIFIER), {})
    parts = data.get("parts") or {}
    return {str(name): value for name, value in parts.items() if isinstance(value, int | float)}


def _exception(row: AttemptRow, at: float) -> Json | None:
    if row.cause is None:
        return None
    kind = exception_of(row.cause)
    return {
        "exception_type": kind,
        "exception_message": row.detail,
        "exception_traceback": "",
        "occurred_at": _moment(at),
    }


def _moment(ts: float) -> str:
    return datetime.fromtimestamp(ts, UTC).isoformat()


def _span(events: Sequence[Event]) -> Json | None:
    return {"started_at": _moment(events[0].ts), "finished_at": _moment(events[-1].ts)} if events else None


def _job_config(facts: Facts, folder: Path, rows: Sequence[AttemptRow]) -> Json:
    candidates = list(dict.fromkeys(row.spec.candidate for row in rows))
    model = facts.lock["models"]["task"]
    return {
        "job_name": folder.resolve().name,
        "jobs_dir": str(folder.resolve().parent),
        "n_attempts": 1,
        "agents": [{"name": f"ratchet-{name}", "model_name": model} for name in candidates],
        "datasets": [],
        "tasks": [{"path": task} for task in dict.fromkeys(row.spec.task for row in rows)],
    }


def _job_result(facts: Facts, results: Sequence[Json]) -> Json:
    evals: dict[str, list[Json]] = {}
    for result in results:
        info = result["agent_info"]
        evals.setdefault(f"{info['name']}__{info['model_info']['name']}__{facts.folder.id}", []).append(result)
    used = [result["agent_result"] for result in results]
    costs = [each["cost_usd"] for each in used]
    return {
        "id": str(uuid.uuid5(_SPACE, str(facts.lock["uid"]))),
        "started_at": min(result["started_at"] for result in results),
        "finished_at": max(result["finished_at"] for result in results),
        "n_total_trials": len(results),
        "stats": {
            "n_trials": len(results),
            "n_errors": sum(result["exception_info"] is not None for result in results),
            "n_input_tokens": sum(each["n_input_tokens"] or 0 for each in used),
            "n_cache_tokens": sum(each["n_cache_tokens"] or 0 for each in used),
            "n_output_tokens": sum(each["n_output_tokens"] or 0 for each in used),
            "cost_usd": None if None in costs else math.fsum(costs),
            "evals": {key: _eval(several) for key, several in evals.items()},
        },
    }


def _eval(results: Sequence[Json]) -> Json:
    """Sum up the trials of one agent; the mean is over those that have a reward."""
    rewards: dict[str, list[str]] = {}
    exceptions: dict[str, list[str]] = {}
    for result in results:
        if result["verifier_result"] is not None:
            rewards.setdefault(str(result["verifier_result"]["rewards"]["reward"]), []).append(result["trial_name"])
        if result["exception_info"] is not None:
            exceptions.setdefault(result["exception_info"]["exception_type"], []).append(result["trial_name"])
    return {
        "n_trials": len(results),
        "n_errors": sum(map(len, exceptions.values())),
        "metrics": [{"mean": mean}] if (mean := _mean(rewards)) is not None else [],
        "reward_stats": {"reward": rewards},
        "exception_stats": exceptions,
    }


def _mean(rewards: Mapping[str, Sequence[str]]) -> float | None:
    count = sum(map(len, rewards.values()))
    return math.fsum(float(value) * len(names) for value, names in rewards.items()) / count if count else None
