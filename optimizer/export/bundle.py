"""Writes an export."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from optimizer import __version__
from optimizer.candidates import BASELINE, Archive
from optimizer.export.manifest import BASELINE as BASELINE_FOLDER
from optimizer.export.manifest import DIFF, HARNESS, NAME, Evidence, Manifest, Pruned, Step
from optimizer.facts import Facts
from optimizer.ledger import CandidateRow
from task_agent.harness import save_bundle, unified
from traces.errors import UsageError

PACKAGES = ("anthropic", "ray", "pyarrow", "duckdb", "scipy")


def write_export(facts: Facts, folder: Path, candidate: str | None = None) -> Manifest:
    """Write a candidate (the champion when none is named) with its evidence into the new folder `folder`.

    Raises:
        NotFoundError: The run has no such candidate.
        UsageError: The folder exists and is not empty, or cannot be made.
    """
    name = facts.candidate(candidate or facts.state.champion).id
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty", hint="give another folder with -o")
    archive = Archive(facts.folder.candidates)
    harness, baseline = archive.load(name), archive.load(BASELINE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from None
    save_bundle(harness, folder / HARNESS)
    save_bundle(baseline, folder / BASELINE_FOLDER)
    (folder / DIFF).write_text(unified(baseline, harness), encoding="utf-8")
    manifest = _manifest(facts, name, harness.hash, baseline.hash, file_hashes(folder))
    (folder / NAME).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def file_hashes(folder: Path) -> dict[str, str]:
    """Hash every file below `folder` but the manifest (sha256 hex, by POSIX path).

    What is no plain file has a hash that no file has, so that a link can stand in for none.
    """
    found = sorted(
        path for path in folder.rglob("*") if path != folder / NAME and (path.is_symlink() or not path.is_dir())
    )
    return {path.relative_to(folder).as_posix(): _file_hash(path) for path in found}


def _file_hash(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return "not a plain file"
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _manifest(facts: Facts, name: str, harness: str, baseline: str, files: dict[str, str]) -> Manifest:
    spend = facts.state.spend
    return Manifest(
        run=facts.folder.id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        candidate=name,
        harness=harness,
        baseline=baseline,
        lineage=tuple(_step(facts, row) for row in lineage(facts, name)),
        evidence=_evidence(facts, name),
        pruned=_pruned(facts),
        tests_used=facts.state.tests_used,
        keeps=facts.state.keeps,
        expected_false_keeps=round(sum(test["level"] for test in facts.tests), 6),
        gate_epoch=(facts.certificate or {}).get("epoch"),
        suite=facts.lock["suite"],
        splits=facts.lock["splits"],
        config=facts.lock["config"],
        models=facts.lock["models"],
        spend_usd=round(spend.usd, 6),
        unpriced_requests=spend.unpriced_requests,
        versions=_versions(),
        files=files,
    )


def lineage(facts: Facts, candidate: str) -> list[CandidateRow]:
    """List the changes from the baseline to a candidate, oldest first."""
    rows = {row.id: row for row in facts.candidates}
    path: list[CandidateRow] = []
    here = rows[candidate]
    while here.parent is not None:
        path.append(here)
        here = rows[here.parent]
    return path[::-1]


def _step(facts: Facts, row: CandidateRow) -> Step:
    verdict = facts.verdicts.get(row.id)
    return Step(
        candidate=row.id,
        harness=row.harness,
        title=row.title,
        hypothesis=row.hypothesis,
        verdict=verdict.verdict.value if verdict else "open",
        reason=verdict.public if verdict else "",
    )


def _evidence(facts: Facts, candidate: str) -> Evidence:
    """Take the certificate over, if it is about this candidate."""
    record: dict[str, Any] = facts.certificate or {}  # Any: JSON
    if record.get("champion") != candidate:
        record = {}
    interval = record.get("interval")
    return Evidence(
        difference=record.get("difference"),
        interval=(interval[0], interval[1]) if interval and None not in interval else None,
        level=record.get("level"),
        target=record.get("target"),
        baseline=record.get("baseline_mean"),
        champion=record.get("champion_mean"),
        tasks=record.get("tasks"),
        attempts=record.get("attempts"),
        coverage=record.get("coverage"),
        look=record.get("look"),
        improved=bool(record.get("improved")),
        best_of_n=record.get("best_of_n"),
        simulated=facts.simulated,
    )


def _pruned(facts: Facts) -> Pruned | None:
    record = facts.pruning
    if record is None:
        return None
    return Pruned(
        anchor=record["anchor"],
        removed=tuple(record["removed"]),
        attempts=record.get("attempts", 0),
        runs=record.get("runs"),
        level=record.get("level"),
        skipped=record["skipped"] or None,
        note=record.get("note") or "",
    )


def _versions() -> dict[str, str]:
    return {"ratchet": __version__, "python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
