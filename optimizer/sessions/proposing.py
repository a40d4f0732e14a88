"""Asks a proposer for one change, in a workspace made of train data alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.task import Split
from optimizer.attempt_spec import AttemptStatus
from optimizer.candidates import BASELINE, candidate_id
from optimizer.ledger import Bill, CandidateRow, ProposalRow
from optimizer.propose import (
    Assignment,
    AttemptView,
    Author,
    CandidateView,
    Digest,
    Journal,
    ModelAuthor,
    Pivot,
    Prediction,
    Program,
    Proposal,
    ProposalOutcome,
    SessionLimits,
    SubmitTool,
    TaskBrief,
    Trying,
    TryTool,
    Workspace,
    overview,
    write_evidence,
)
from optimizer.run_folder import RunFolder
from optimizer.sessions.briefing import aggregate, opened, prediction_score, told
from optimizer.sessions.conducting import conduct
from optimizer.sessions.digesting import digests_for
from optimizer.sessions.learning import lessons_shown, lessons_told
from optimizer.sessions.objecting import Reviewer
from optimizer.sessions.pivoting import pivot_of, siblings
from optimizer.sessions.session import Session, open_session, spent
from optimizer.sessions.trying import Desk, prefix, try_name, view_of
from optimizer.stages.bench import Bench
from optimizer.stages.draws import OutageError
from optimizer.stages.evidence import NOT_SHOWN
from optimizer.stages.examine import diff_of
from optimizer.stages.measure import certify_price
from optimizer.telling.progress import Progress
from task_agent.harness import HarnessBundle, normalised_hash
from traces.store import TraceStore

TRAIN = Split.TRAIN
WAITS = ("open", "waits for a person's word")
"""What a proposer learns of a candidate that is held for review."""


def propose_change(bench: Bench, slot: int, parent: str, pivot: int = 0) -> None:
    """Run one proposer session and record its end; what it cost is recorded with it."""
    propose_changes(bench, [slot], parent, pivot)


def propose_changes(bench: Bench, slots: Sequence[int], parent: str, pivot: int = 0) -> None:
    """Run a round of sessions side by side; each is recorded when it ends, and none is paid for again.

    All of them are told what was known when the round was opened, so that none depends on how fast another is.
    """
    desk = Desk(bench)
    tasks = [_task(bench, row) for row in opened(bench, slots, parent, pivot)]
    conduct(bench, {task.asked.slot: _session(bench, task, desk) for task in tasks}, desk)


@dataclass(frozen=True, slots=True)
class _Task:
    """Hold what a session begins with; nothing of it changes while others of its round work."""

    asked: ProposalRow
    workspace: Workspace
    opening: str
    pivot: Pivot | None
    usd: float | None
    journal: Journal


def _task(bench: Bench, asked: ProposalRow) -> _Task:
    workspace = _workspace(bench, asked)
    journal = Journal(workspace.root.with_suffix(".jsonl"))
    usd = _money_left(bench, asked, spent(journal))
    pivot, view = pivot_of(bench, asked), bench.config.proposer.view
    opening = journal.head(lambda: overview(workspace, asked.slot, view, told(bench, asked), pivot))
    return _Task(asked, workspace, opening, pivot, usd, journal)


def _workspace(bench: Bench, asked: ProposalRow) -> Workspace:
    of, slot = bench.config.stop.iterations, asked.slot
    text = f"iteration {slot} of at most {of}: a proposer reads the traces of {asked.start}{_for(asked)}"
    bench.listen(Progress("proposing", text, {"slot": slot, "of": of, "parent": asked.parent}))
    sees_all = bench.config.visibility.proposer.train == "all"
    attempts = train_attempts(bench, asked) if sees_all else []
    shows = bench.config.proposer.view in ("traces", "digests")
    mine = [each for each in attempts if each.candidate == asked.start]
    root = bench.folder / "proposer" / f"s{slot:03d}"
    tasks = bench.tasks(TRAIN) if sees_all else []
    workspace = Workspace.build(
        root,
        champion=bench.archive.load(asked.start),
        champion_id=asked.start,
        history=history(bench),
        store=bench.store if sees_all else TraceStore(root.with_name("no-traces")),
        attempts=attempts,
        surface=bench.surface,
        tasks=[TaskBrief(task.id, task.instruction, task.category) for task in tasks],
        texts=bench.folder / "proposer" / "text" if bench.jail else None,
        digests=_digests(bench, slot, mine) if shows and sees_all else [],
        but=_of_siblings(bench, asked),
    )
    if shows:
        write_evidence(workspace, bench.store)
    workspace.write_lessons(lessons_told(bench), [lesson.id for lesson in lessons_shown(bench)])
    return workspace


def _of_siblings(bench: Bench, asked: ProposalRow) -> Callable[[str], bool]:
    """Tell the attempts that sessions of the same round try."""
    names = tuple(try_name(slot, "") for slot in siblings(bench, asked))
    return lambda attempt: attempt.startswith(names)


async def _session(bench: Bench, task: _Task, desk: Desk) -> None:
    """Hold one session and record its end."""
    asked = task.asked
    session = open_session(bench, f"s{asked.slot:03d}", "proposer", task.journal)
    try:
        outcome = await _work(bench, task, session, desk)
    finally:
        session.close()
    if outcome.end == "outage":
        who = "model" if bench.config.proposer.program is None else "program"
        raise OutageError(f"the proposer's {who} is out of reach: {outcome.reason}", hint=f"ratchet resume {bench.run}")
    bill = _bill(bench, session)
    row = _entered(bench, asked, outcome.proposal) if outcome.proposal else None
    bench.ledger.conclude_slot(asked.slot, row, reason=outcome.reason, bill=bill, settles=session.client.what)
    task.journal.remove()
    none = f"slot {asked.slot}: no proposal ({outcome.reason}){_shown_by(bench, asked)}"
    text = f"{row.id}: {row.title}" if row else none
    data = {"slot": asked.slot, "candidate": row.id if row else None, "title": row.title if row else None}
    ended = {"reason": outcome.reason, "session_usd": bill.cost_usd, "session_tokens": bill.tokens, "turns": bill.turns}
    bench.listen(Progress("proposed", text, {**data, **ended}))


def _shown_by(bench: Bench, asked: ProposalRow) -> str:
    """Name the command that shows what a program did, whose output is all there is to mend it by."""
    if bench.config.proposer.program is None:
        return ""
    return f"; see: {RunFolder(bench.folder).command('trace show', f'proposer/s{asked.slot:03d}')}"


def _entered(bench: Bench, asked: ProposalRow, proposal: Proposal) -> CandidateRow:
    name = candidate_id(asked.slot)
    bench.archive.save(name, proposal.bundle)
    return CandidateRow(
        name,
        asked.slot,
        asked.parent,
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


def _bill(bench: Bench, session: Session) -> Bill:
    """Give what a session cost; what a program with a network spent by itself nobody here knows."""
    program = bench.config.proposer.program
    unseen = program is not None and bench.jail is not None and bench.jail.network
    return replace(session.client.bill, cost_usd=None, unpriced=1) if unseen else session.client.bill


def _for(asked: ProposalRow) -> str:
    told = [*([f"brief: {asked.brief}"] if asked.brief else []), *([f"pivot {asked.pivot}"] if asked.pivot else [])]
    return f" ({', '.join(told)})" if told else ""


async def _work(bench: Bench, task: _Task, session: Session, desk: Desk) -> ProposalOutcome:
    limits, asked, workspace = bench.config.proposer, task.asked, task.workspace

    async def attempt(bundle: HarnessBundle, tasks: Sequence[str]) -> Sequence[AttemptView]:
        tried = await desk.ask(asked.slot, bundle, tasks)
        workspace.learn(tried, bench.store, but=_of_siblings(bench, asked))
        return tried

    review = Reviewer(bench, asked.slot, asked.start) if limits.review else None
    given = Assignment(
        workspace,
        SubmitTool(workspace, review, task.pivot),
        task.opening,
        session.recorder,
        SessionLimits(limits.turns, limits.tokens, task.usd, limits.minutes * 60),
        task.journal,
        limits.view,
        TryTool(workspace, Trying(attempt, limits.try_attempts)) if limits.try_attempts else None,
    )
    return await _author(bench, session).propose(given)


def _author(bench: Bench, session: Session) -> Author:
    """Say who proposes: the program that the run file names, else the model of the role."""
    program, role = bench.config.proposer.program, bench.config.models.proposer
    if program is None or bench.jail is None:
        return ModelAuthor(session.client, role.model, role.effort, session.token, bench.jail)
    secrets = {name: os.environ[name] for name in program.env if name in os.environ}
    return Program(program.command, bench.jail, program.folder, secrets)


def _digests(bench: Bench, slot: int, attempts: list[AttemptView]) -> list[Digest]:
    return digests_for(bench, slot, attempts, usd=_budget_left(bench, Bill()))


def _money_left(bench: Bench, asked: ProposalRow, spent: Bill) -> float | None:
    """Give what a session may spend: its own limit, and never what the budget lacks or certifying needs.

    Sessions of one round share what the budget leaves.
    """
    own, left = bench.config.proposer.cost_usd, _budget_left(bench, spent)
    if left is None:
        return own
    share = left / (1 + len(siblings(bench, asked)))
    return share if own is None else min(own, share)


def _budget_left(bench: Bench, spent: Bill) -> float | None:
    """Give what the budget leaves once certifying is paid; None without a budget.

    What a session `spent` before it was taken up again counts as its own.
    """
    budget, elsewhere = bench.config.stop.budget_usd, bench.ledger.spend().usd - (spent.cost_usd or 0.0)
    return None if budget is None else max(0.0, budget - elsewhere - certify_price(bench))


def train_attempts(bench: Bench, asked: ProposalRow | None = None) -> list[AttemptView]:
    """List every finished train attempt of every candidate, then imported ones; measurements beside them are none.

    For a session these are the attempts from before it was opened, and its own.
    """
    imported = [
        AttemptView(row.attempt, row.agent, row.task, row.reward, row.cause, row.turns, imported=row.title)
        for row in bench.ledger.imported()
    ]
    own = [
        view_of(row)
        for row in bench.ledger.attempts(bench.run, split=TRAIN.value)
        if asked is None or row.rowid <= asked.after_attempt or row.stage.startswith(prefix(asked.slot))
        if row.state in (AttemptStatus.SCORED, AttemptStatus.MISSING) and row.spec.purpose not in NOT_SHOWN
    ]
    return own + imported


def history(bench: Bench) -> list[CandidateView]:
    """Show the earlier candidates as a proposer may see them: train scores, verdicts in public words."""
    verdicts = {
        **dict.fromkeys((waiting.id for waiting in bench.ledger.state().waiting), WAITS),
        **{row.candidate: (row.verdict.value, row.public) for row in bench.ledger.verdicts().values()},
    }
    asked, sees = bench.ledger.proposals(), bench.config.visibility.proposer.train
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
                evidence=tuple(row.evidence) if sees == "all" else (),
                brief=asked[row.slot].brief if row.slot in asked else "",
                train=aggregate(bench, row.id) if sees != "nothing" else None,
                prediction=Prediction(tuple(row.fixes), tuple(row.at_risk)) if sees == "all" else None,
                outcome=prediction_score(bench, row) if sees != "nothing" else None,
            )
        )
    return views
