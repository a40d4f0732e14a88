"""What can be said of a run at any moment, also after a kill: read from its folder, kept nowhere."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optimizer.candidates import BASELINE
from optimizer.control import standing
from optimizer.failure import fault_of
from optimizer.ledger import (
    SIMULATED_SERVER,
    AttemptRow,
    CandidateRow,
    ImportRow,
    Ledger,
    LookRow,
    ProposalRow,
    ReviewRow,
    VerdictRow,
)
from optimizer.ledger.lock import holder
from optimizer.ledger.tallies import Tallies, TaskTally
from optimizer.review import given
from optimizer.run_folder import RunFolder
from optimizer.state import Phase, RunState
from optimizer.verdict import Verdict
from traces.errors import NotFoundError

if TYPE_CHECKING:
    from optimizer.propose import PredictionScore, TrackRecord

Json = dict[str, Any]  # Any: JSON
LOUD = ("needs attention", "paused", "resumed", "stopped")
"""Kinds of notices that say how a run stands, while its driver lives and after."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Say how many of the planned attempts gave a score; it stands beside every score."""

    scored: int
    planned: int

    def __str__(self) -> str:
        return f"{self.scored:,} of {self.planned:,} scored"


@dataclass(frozen=True)  # no slots: the attempts are read when somebody asks for them
class Facts:
    """Hold one reading of a run's ledger; attempts are counted, and read only when asked for."""

    folder: RunFolder
    lock: Json
    state: RunState
    candidates: list[CandidateRow]
    verdicts: dict[str, VerdictRow]
    tallies: Tallies
    tests: list[Json]
    looks: Mapping[str, Sequence[LookRow]]
    passed: Mapping[str, Mapping[str, Any]]  # Any: JSON
    judgements: Mapping[str, Json]
    findings: Mapping[str, Mapping[str, Json]]
    reviews: Mapping[str, ReviewRow]
    slots: list[Json]
    proposals: Mapping[int, ProposalRow]
    objections: Mapping[int, Mapping[str, Any]]  # Any: JSON
    notices: list[Json]
    preflight: Json | None
    baseline: Json | None
    pruning: Json | None
    certificate: Json | None
    finish: Json | None
    created_at: float
    driver_pid: int | None

    @cached_property
    def attempts(self) -> list[AttemptRow]:
        """Read every attempt: thousands of rows, for lists; counts stand in `tallies`."""
        ledger = Ledger(self.folder.ledger, read_only=True)
        try:
            return ledger.attempts(self.folder.id)
        finally:
            ledger.close()

    @cached_property
    def imported(self) -> list[ImportRow]:
        """Read what was imported for proposers to read; it is part of no count."""
        with closing(Ledger(self.folder.ledger, read_only=True)) as ledger:
            return ledger.imported()

    @property
    def simulated(self) -> bool:
        """Say whether any role was played by the simulated model, also by a server of it."""
        served = any(note["kind"] == SIMULATED_SERVER for note in self.notices)
        return served or "simulated" in self.lock["models"].values()

    @property
    def phase(self) -> str:
        """Name the run's state: finished, running, paused, needs attention, or stopped (it can be resumed)."""
        if self.finish is not None:
            return "finished"
        last = next((note["kind"] for note in reversed(self.notices) if note["kind"] in LOUD), "")
        if last == "needs attention" or (last == "paused" and self.driver_pid is not None):
            return str(last)
        return "running" if self.driver_pid is not None else "stopped"

    @property
    def attention(self) -> str | None:
        """Say what the run needs a person for, or nothing."""
        said = [note["text"] for note in self.notices if note["kind"] == "needs attention"]
        return said[-1] if said and self.phase == "needs attention" else None

    @property
    def stopping(self) -> Json | None:
        """Give what a person asked of the living driver and is not done yet."""
        asked = standing(self.folder.path, self.driver_pid)
        if asked is None or self.phase == "paused":
            return None
        return {"asked": asked.verb, "after": asked.after, "certify": asked.certify, "at": asked.at}

    @property
    def waiting(self) -> list[str]:
        """List the candidates that wait for a person's word; what was said and not yet entered is said."""
        return [candidate.id for candidate in self.state.waiting if candidate.id not in self.reviews]

    @property
    def champion(self) -> CandidateRow:
        """Give the champion's row."""
        return self.candidate(self.state.champion)

    @property
    def train_champion(self) -> CandidateRow:
        """Give the champion that train tasks were attempted with: the one from before pruning."""
        return self.candidate(self.pruning["anchor"]) if self.pruning else self.champion

    @property
    def changes(self) -> list[CandidateRow]:
        """List the proposed candidates, in the order they were proposed."""
        return [row for row in self.candidates if row.id in self._proposed]

    @property
    def variants(self) -> list[CandidateRow]:
        """List what pruning tried: the champion without some of its kept changes."""
        return [row for row in self.candidates if row.slot > 0 and row.id not in self._proposed]

    @cached_property
    def _proposed(self) -> frozenset[str]:
        return frozenset(slot["candidate"] for slot in self.slots if slot["candidate"])

    def candidate(self, name: str) -> CandidateRow:
        """Find a candidate's row.

        Raises:
            NotFoundError: The run has no such candidate.
        """
        for row in self.candidates:
            if row.id == name:
                return row
        near = difflib.get_close_matches(name, [row.id for row in self.candidates], n=3, cutoff=0.4)
        hint = self.folder.command("candidates list")
        raise NotFoundError("candidate", name, close_matches=near, hint=hint)

    def of(self, candidate: str) -> list[AttemptRow]:
        """List a candidate's attempts."""
        return [row for row in self.attempts if row.spec.candidate == candidate]

    def train_tasks(self, candidate: str) -> dict[str, TaskTally]:
        """Give a candidate's measured train tasks by id; a lone smoke attempt measures nothing."""
        return self._train_tasks.get(candidate, {})

    @cached_property
    def _train_tasks(self) -> dict[str, dict[str, TaskTally]]:
        """Sort the train tallies by candidate once: a report asks for each candidate's many times."""
        found: dict[str, dict[str, TaskTally]] = {}
        for row in self.tallies.train:
            found.setdefault(row.candidate, {})[row.task] = row
        return found

    def train_score(self, candidate: str) -> float | None:
        """Average a candidate's train tasks; None when it was refused before it was measured there."""
        means = [row.mean for row in self.train_tasks(candidate).values() if row.mean is not None]
        return sum(means) / len(means) if means else None

    def train_coverage(self, candidate: str) -> Coverage:
        """Count what a candidate's train score rests on."""
        rows = self.train_tasks(candidate).values()
        return Coverage(sum(row.scored for row in rows), sum(row.planned for row in rows))

    def coverage(self, **where: str) -> Coverage:
        """Count attempts by equal fields: stage, candidate, split, purpose."""
        rows = [row for row in self.tallies.attempts if all(getattr(row, key) == is_ for key, is_ in where.items())]
        return Coverage(sum(row.attempts for row in rows if row.state == "scored"), sum(row.attempts for row in rows))

    def attempts_for(self, candidate: str) -> int:
        """Count the attempts spent on deciding about a candidate, the champion's fresh ones in its test included."""
        return sum(row.attempts for row in self.tallies.attempts if _about(row.stage) == candidate)

    def prediction_outcome(self, row: CandidateRow) -> PredictionScore | None:
        """Hold what a candidate's author foretold against its train attempts; None when it was not measured there.

        What is invalid is never scored.
        """
        from optimizer.propose import Prediction, score_prediction  # pulls in the whole meta-agent

        verdict = self.verdicts.get(row.id)
        invalid = verdict is not None and verdict.verdict is Verdict.INVALID
        if row.parent is None or invalid or not self.train_coverage(row.id).scored:
            return None
        own = {tally.task: tally for tally in self.tallies.afresh if tally.candidate == row.id}
        before, after, afresh = (
            {task: [tally.mean] for task, tally in tallies.items() if tally.mean is not None}
            for tallies in (self.train_tasks(row.parent), self.train_tasks(row.id), own)
        )
        return score_prediction(Prediction(tuple(row.fixes), tuple(row.at_risk)), before, after, afresh=afresh)

    @cached_property
    def track_records(self) -> tuple[TrackRecord, ...]:
        """Add up what proposers foretold and what happened, by model and brief."""
        from optimizer.propose import Foretold, track_records  # pulls in the whole meta-agent

        decided = ((row, self.verdicts[row.id], self.proposals.get(row.slot)) for row in self._decided)
        return track_records(
            Foretold(asked.author, asked.brief, verdict.verdict is Verdict.KEEP, self.prediction_outcome(row))
            for row, verdict, asked in decided
            if asked is not None
        )

    @property
    def _decided(self) -> list[CandidateRow]:
        return [row for row in self.changes if row.id in self.verdicts]

    def brief(self, row: CandidateRow) -> str:
        """Name the brief a candidate was made for; empty when it was made for none."""
        asked = self.proposals.get(row.slot)
        return asked.brief if asked and row.id in self._proposed else ""

    def base(self, row: CandidateRow) -> str:
        """Name what a candidate's working copy was, where that was not the champion it is tested against."""
        asked = self.proposals.get(row.slot)
        return asked.start if asked and row.id in self._proposed and asked.start != row.parent else ""

    def objection(self, row: CandidateRow) -> str:
        """Give what the reviewer asked a candidate's author to amend; empty when there was nothing."""
        record = self.objections.get(row.slot, {}) if row.id in self._proposed else {}
        stands = record.get("one_mechanism") is False or record.get("refutable") is False
        return str(record["text"]) if stands else ""

    def verdict_counts(self) -> dict[str, int]:
        """Count the verdicts of each kind on what was proposed."""
        seen = Counter(self.verdicts[row.id].verdict for row in self.changes if row.id in self.verdicts)
        return {verdict.value: seen[verdict] for verdict in Verdict}

    def failures(self) -> list[Json]:
        """Count attempts that ended without a verifier's reward, by cause."""
        seen: Counter[str] = Counter()
        for row in self.tallies.attempts:
            if row.cause:
                seen[row.cause] += row.attempts
        return [{"cause": cause, "fault": fault_of(cause).value, "attempts": n} for cause, n in seen.most_common()]


def _about(stage: str) -> str:
    """Name the candidate that a stage such as `gate/c001/0/0` or `screen/c001+1` was drawn for, or nobody."""
    parts = stage.split("/")
    return parts[1].partition("+")[0] if len(parts) > 1 else ""


def read_facts(folder: RunFolder) -> Facts:
    """Read a run's ledger as it stands at one moment, beside its living driver or after its death."""
    with closing(Ledger(folder.ledger, read_only=True)) as ledger, ledger.snapshot():
        return _facts(folder, ledger)


def _facts(folder: RunFolder, ledger: Ledger) -> Facts:
    candidates = ledger.candidates() or [_unwritten_baseline(folder)]
    tests = ledger.tests()
    judged = {row.id: ledger.judgement(row.id) for row in candidates}
    return Facts(
        folder=folder,
        lock=folder.read_lock(),
        state=ledger.state(),
        candidates=candidates,
        verdicts=ledger.verdicts(),
        tallies=ledger.tallies(),
        tests=tests,
        looks={test["candidate"]: ledger.looks(test["candidate"]) for test in tests},
        passed={row.id: ledger.stage_records(row.id) for row in candidates},
        judgements={name: dict(record) for name, record in judged.items() if record is not None},
        findings={row.id: {role: dict(found) for role, found in ledger.findings(row.id).items()} for row in candidates},
        reviews={**given(folder.path), **ledger.reviews()},
        slots=ledger.slots(),
        proposals=ledger.proposals(),
        objections=ledger.reviewed_slots(),
        notices=ledger.notices(),
        preflight=_json(ledger, Phase.PREFLIGHT),
        baseline=_json(ledger, Phase.BASELINE),
        pruning=_json(ledger, Phase.PRUNE),
        certificate=_json(ledger, Phase.CERTIFY),
        finish=_json(ledger, Phase.FINISH),
        created_at=ledger.created_at,
        driver_pid=holder(folder.path),
    )


def _unwritten_baseline(folder: RunFolder) -> CandidateRow:
    """Stand in for the baseline of a run whose driver has only just begun."""
    harness = str(folder.read_lock()["harness"])
    return CandidateRow(BASELINE, 0, None, harness, harness)


def _json(ledger: Ledger, phase: Phase) -> Json | None:
    record = ledger.conclusion(phase)
    return dict(record) if record is not None else None


def status(facts: Facts) -> Json:
    """Answer `ratchet status`: the state, the champion, the certified number, counts and spend."""
    certificate = facts.certificate or {}
    count = {state: sum(row.attempts for row in facts.tallies.attempts if row.state == state) for state in STATES}
    spend = facts.state.spend
    return {
        "run": facts.folder.id,
        "state": facts.phase,
        "stop_reason": facts.finish["reason"] if facts.finish else None,
        "stopping": facts.stopping,
        "attention": facts.attention,
        "waiting": facts.waiting,
        "simulated": facts.simulated,
        "champion": facts.state.champion,
        "champion_title": facts.champion.title,
        "pruned": {"removed": facts.pruning["removed"], "skipped": facts.pruning["skipped"] or None}
        if facts.pruning
        else None,
        "baseline": facts.candidates[0].id,
        "test": {
            "difference": certificate.get("difference"),
            "interval": certificate.get("interval"),
            "level": certificate.get("level"),
            "target": certificate.get("target"),
            "improved": certificate.get("improved"),
            "baseline": certificate.get("baseline_mean"),
            "champion": certificate.get("champion_mean"),
            "tasks": certificate.get("tasks"),
            "look": certificate.get("look"),
            "coverage": certificate.get("coverage"),
        },
        "iterations": facts.state.slots,
        "verdicts": facts.verdict_counts(),
        "attempts": {"planned": sum(count.values()), "scored": count["scored"], "missing": count["missing"]},
        "spend": {
            "usd": round(spend.usd, 6),
            "unpriced_requests": spend.unpriced_requests,
            "tokens": spend.tokens,
            "nominal": facts.simulated,
        },
        "elapsed_s": round(facts.state.elapsed_s, 1),
        "driver_pid": facts.driver_pid,
        "folder": str(facts.folder.path),
    }


STATES = ("planned", "scored", "missing")


def candidate_facts(facts: Facts, candidate: str) -> Json:
    """Answer `ratchet candidates show`.

    Raises:
        NotFoundError: The run has no such candidate.
    """
    row = facts.candidate(candidate)
    verdict = facts.verdicts.get(row.id)
    coverage = facts.train_coverage(row.id)
    outcome = facts.prediction_outcome(row)
    return {
        "candidate": row.id,
        "parent": row.parent,
        "harness": row.harness,
        "title": row.title,
        "hypothesis": row.hypothesis,
        "refuted_by": row.refuted_by or None,
        "brief": facts.brief(row) or None,
        "base": facts.base(row) or None,
        "objection": facts.objection(row) or None,
        "evidence": list(row.evidence),
        "predicted_fixes": list(row.fixes),
        "predicted_at_risk": list(row.at_risk),
        "prediction_outcome": str(outcome) if outcome else None,
        "verdict": verdict.verdict.value if verdict else ("baseline" if row.slot == 0 else "open"),
        "cause": verdict.cause if verdict else None,
        "reason": verdict.public if verdict else None,
        "changed_ground": list(verdict.private.get("changed") or []) if verdict else [],
        "train_score": facts.train_score(row.id),
        "train_coverage": {"scored": coverage.scored, "planned": coverage.planned},
        "attempts": {split: facts.coverage(candidate=row.id, split=split).planned for split in SPLITS},
        "attempts_for_verdict": facts.attempts_for(row.id),
        "stages": {name: dict(record) for name, record in facts.passed.get(row.id, {}).items()},
        "reflection": _reflection(facts.judgements.get(row.id), facts.findings.get(row.id, {})),
        "gate": _gate(facts, row.id),
        "review": _review(facts, row.id),
    }


def _review(facts: Facts, candidate: str) -> Json | None:
    """Show a person's word; `said` is None while it is awaited."""
    row = facts.reviews.get(candidate)
    if row is None:
        return {"said": None} if candidate in facts.waiting else None
    return {"said": "accepted" if row.accepted else "refused", "by": row.by, "reason": row.reason, "at": row.given_at}


def _reflection(record: Json | None, findings: Mapping[str, Json]) -> Json | None:
    """Show what reflection found, and who found what; findings about held-out text are counted, not quoted."""
    if record is None:
        return None
    leaks = record.get("leaks") or []
    judgement = record.get("judgement") or {}
    return {
        "blocked": record.get("blocked"),
        "blocked_by": _blocked_by(record),
        "asked": bool(findings) or record.get("judgement") is not None,
        "found": judgement.get("overfit"),
        "findings": len(leaks),
        "quoted": [f"{leak['path']}:{leak['line']} {leak['quote']}" for leak in leaks if leak.get("public")],
        "judge": judgement.get("reason"),
        "judge_quotes": list(judgement.get("quotes") or []),
        "readers": [_reader(role, found) for role, found in findings.items()],
    }


def _blocked_by(record: Json) -> str | None:
    """Say who blocked a change: the scan, a reader, or nobody since it could not be read at all."""
    if not record.get("blocked"):
        return None
    return "scan" if record.get("leaks") else "reader" if record.get("judgement") else "unreadable"


def _reader(role: str, found: Json) -> Json:
    dropped = len(found.get("dropped_quotes") or [])
    return {
        "role": role,
        "overfit": found["overfit"],
        "reason": found["reason"],
        "quotes": list(found.get("quotes") or []),
        "invented_quotes": dropped,
    }


def _gate(facts: Facts, candidate: str) -> Json | None:
    """Show a test's looks; what they saw on held-out tasks only to who reviews it, and at the end."""
    test = next((test for test in facts.tests if test["candidate"] == candidate), None)
    if test is None:
        return None
    looks = facts.looks.get(candidate, ())
    shown = facts.finish is not None or any(waits.id == candidate for waits in facts.state.waiting)
    seen = dict(looks[-1].record) if looks and shown else None
    return {"test": test["number"], "level": test["level"], "looks": [look.outcome for look in looks], "record": seen}


SPLITS = ("train", "heldout", "test")
