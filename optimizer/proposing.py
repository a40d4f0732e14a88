"""Asks a proposer for one change, in a workspace made of train data alone."""

from __future__ import annotations

import os
from dataclasses import replace

from benchmarks.task import Split
from optimizer.attempt_spec import AttemptStatus, Purpose
from optimizer.bench import Bench
from optimizer.briefing import opened, prediction_score, told
from optimizer.candidates import BASELINE, candidate_id
from optimizer.digesting import digests_for
from optimizer.draws import OutageError
from optimizer.evidence import mean_of_tasks, measured, rewards
from optimizer.examine import diff_of
from optimizer.learning import lessons_told
from optimizer.ledger import Bill, CandidateRow, ProposalRow
from optimizer.measure import certify_price
from optimizer.objecting import Reviewer
from optimizer.pivoting import pivot_of
from optimizer.progress import Progress
from optimizer.propose import (
    Assignment,
    AttemptView,
    Author,
    CandidateView,
    Digest,
    Journal,
    ModelAuthor,
    Prediction,
    Program,
    ProposalOutcome,
    SessionLimits,
    SubmitTool,
    TaskBrief,
    TrainScore,
    Workspace,
    overview,
    write_evidence,
)
from optimizer.session import Session, open_session, run_session
from task_agent.harness import normalised_hash

TRAIN = Split.TRAIN
WAITS = ("open", "waits for a person's word")
"""What a proposer learns of a candidate that is held for review."""


def propose_change(bench: Bench, slot: int, parent: str, pivot: int = 0) -> None:
    """Run one proposer session and record its end; what it cost is recorded with it."""
    asked = opened(bench, slot, parent, pivot)
    of = bench.config.stop.iterations
    text = f"iteration {slot} of at most {of}: a proposer reads the traces of {asked.start}{_for(asked)}"
    bench.listen(Progress("proposing", text, {"slot": slot, "of": of, "parent": parent}))
    root, attempts = bench.folder / "proposer" / f"s{slot:03d}", train_attempts(bench)
    shows = bench.config.proposer.view in ("traces", "digests")
    digests = _digests(bench, slot, [each for each in attempts if each.candidate == parent]) if shows else []
    workspace = Workspace.build(
        root,
        champion=bench.archive.load(asked.start),
        champion_id=asked.start,
        history=history(bench),
        store=bench.store,
        attempts=attempts,
        surface=bench.surface,
        tasks=[TaskBrief(task.id, task.instruction, task.category) for task in bench.tasks(TRAIN)],
        texts=bench.folder / "proposer" / "text" if bench.jail else None,
        digests=digests,
    )
    if shows:
        write_evidence(workspace, bench.store)
    workspace.write_lessons(lessons_told(bench))
    journal = Journal(root.with_suffix(".jsonl"))
    session = open_session(bench, f"s{slot:03d}", "proposer", journal)
    outcome = _work(bench, workspace, asked, session, journal)
    bill = _bill(bench, session)
    if outcome.end == "outage":
        who = "model" if bench.config.proposer.program is None else "program"
        raise OutageError(f"the proposer's {who} is out of reach: {outcome.reason}", hint=f"ratchet resume {bench.run}")
    row = None
    if outcome.proposal is not None:
        proposal = outcome.proposal
        name = candidate_id(slot)
        bench.archive.save(name, proposal.bundle)
        row = CandidateRow(
            name,
            slot,
            parent,
            proposal.bundle.hash,
            normalised_hash(proposal.bundle),
            proposal.title,
            proposal.hypothesis,
            tuple(proposal.evidence),
            tuple(proposal.prediction.fixes),
            tuple(proposal.prediction.at_risk),
            proposal.refuted_by,
            proposal.lesson,
            proposal.lessons_used,
        )
    bench.ledger.conclude_slot(slot, row, reason=outcome.reason, bill=bill, settles=session.client.what)
    journal.remove()
    text = f"{row.id}: {row.title}" if row else f"slot {slot}: no proposal ({outcome.reason})"
    data = {"slot": slot, "candidate": row.id if row else None, "title": row.title if row else None}
    told = {"reason": outcome.reason, "session_usd": bill.cost_usd, "session_tokens": bill.tokens, "turns": bill.turns}
    bench.listen(Progress("proposed", text, {**data, **told}))


def _bill(bench: Bench, session: Session) -> Bill:
    """Give what a session cost; what a program with a network spent by itself nobody here knows."""
    program = bench.config.proposer.program
    unseen = program is not None and bench.jail is not None and bench.jail.network
    return replace(session.client.bill, cost_usd=None, unpriced=1) if unseen else session.client.bill


def _for(asked: ProposalRow) -> str:
    told = [*([f"brief: {asked.brief}"] if asked.brief else []), *([f"pivot {asked.pivot}"] if asked.pivot else [])]
    return f" ({', '.join(told)})" if told else ""


def _work(
    bench: Bench, workspace: Workspace, asked: ProposalRow, session: Session, journal: Journal
) -> ProposalOutcome:
    limits = bench.config.proposer
    money = _money_left(bench, session.client.bill)
    review, pivot = Reviewer(bench, asked.slot, asked.start) if limits.review else None, pivot_of(bench, asked)
    given = Assignment(
        workspace,
        SubmitTool(workspace, review, pivot),
        journal.head(lambda: overview(workspace, asked.slot, limits.view, told(bench, asked), pivot)),
        session.recorder,
        SessionLimits(limits.turns, limits.tokens, money, limits.minutes * 60),
        journal,
        limits.view,
    )
    try:
        return run_session(bench, _author(bench, session).propose(given))
    finally:
        session.close()


def _author(bench: Bench, session: Session) -> Author:
    """Say who proposes: the program that the run file names, else the model of the role."""
    program, role = bench.config.proposer.program, bench.config.models.proposer
    if program is None or bench.jail is None:
        return ModelAuthor(session.client, role.model, role.effort, session.token, bench.jail)
    secrets = {name: os.environ[name] for name in program.env if name in os.environ}
    return Program(program.command, bench.jail, program.folder, secrets)


def _digests(bench: Bench, slot: int, attempts: list[AttemptView]) -> list[Digest]:
    return digests_for(bench, slot, attempts, usd=_budget_left(bench, Bill()))


def _money_left(bench: Bench, spent: Bill) -> float | None:
    """Give what a session may spend: its own limit, and never what the budget lacks or certifying needs."""
    own, left = bench.config.proposer.cost_usd, _budget_left(bench, spent)
    return own if left is None else left if own is None else min(own, left)


def _budget_left(bench: Bench, spent: Bill) -> float | None:
    """Give what the budget leaves once certifying is paid; None without a budget.

    What a session `spent` before it was taken up again counts as its own.
    """
    budget, elsewhere = bench.config.stop.budget_usd, bench.ledger.spend().usd - (spent.cost_usd or 0.0)
    return None if budget is None else max(0.0, budget - elsewhere - certify_price(bench))


def train_attempts(bench: Bench) -> list[AttemptView]:
    """List every finished train attempt of every candidate, then imported ones; settings the tuner tried are none."""
    imported = [
        AttemptView(row.attempt, row.agent, row.task, row.reward, row.cause, row.turns, imported=row.title)
        for row in bench.ledger.imported()
    ]
    own = [
        AttemptView(row.spec.id, row.spec.candidate, row.spec.task, row.reward, row.cause, row.turns)
        for row in bench.ledger.attempts(bench.run, split=TRAIN.value)
        if row.state in (AttemptStatus.SCORED, AttemptStatus.MISSING) and row.spec.purpose is not Purpose.TUNE
    ]
    return own + imported


def history(bench: Bench) -> list[CandidateView]:
    """Show the earlier candidates as a proposer may see them: train scores, verdicts in public words."""
    verdicts = {
        **dict.fromkeys((waiting.id for waiting in bench.ledger.state().waiting), WAITS),
        **{row.candidate: (row.verdict.value, row.public) for row in bench.ledger.verdicts().values()},
    }
    asked = bench.ledger.proposals()
    views = []
    for row in bench.ledger.candidates():
        if row.id == BASELINE or row.parent is None or row.id not in verdicts:
            continue
        verdict, public = verdicts[row.id]
        views.append(
            CandidateView(
                id=row.id,
                parent=row.parent,
                title=row.title,
                verdict=verdict,
                public_reason=public,
                diff=diff_of(bench, row.id, row.parent),
                hypothesis=row.hypothesis,
                refuted_by=row.refuted_by,
                brief=asked[row.slot].brief if row.slot in asked else "",
                train=_train_score(bench, row.id),
                prediction=Prediction(tuple(row.fixes), tuple(row.at_risk)),
                outcome=prediction_score(bench, row),
            )
        )
    return views


def _train_score(bench: Bench, candidate: str) -> TrainScore:
    rows = measured(bench, candidate)
    return TrainScore(mean_of_tasks(rewards(rows)), sum(row.reward is not None for row in rows), len(rows))
