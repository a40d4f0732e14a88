"""What the driver tells a session before it begins, and records first: its brief, its author's record."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Sequence

from optimizer.candidates import BASELINE
from optimizer.ledger import CandidateRow, ProposalRow
from optimizer.propose import Foretold, Prediction, PredictionScore, TrainScore, brief, score_prediction, track_record
from optimizer.reading.lineage import champion_path
from optimizer.sessions.learning import lessons_told
from optimizer.sessions.pivoting import start_of
from optimizer.settings.meta import Program
from optimizer.stages.afresh import afresh, screened
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import mean_of_tasks, measured, rewards, scored, train_score
from optimizer.verdict import Verdict


def opened(bench: Bench, slots: Sequence[int], parent: str, pivot: int = 0) -> list[ProposalRow]:
    """Give what slots are asked for: recorded before a session begins, and the same however often it is resumed."""
    known = bench.ledger.proposals()
    if not known.keys() >= set(slots):
        bench.ledger.open_proposals(_round(bench, slots, parent, pivot))
        known = bench.ledger.proposals()
    return [known[slot] for slot in slots]


def told(bench: Bench, row: ProposalRow) -> list[str]:
    """Word what a session is told of its task and of its author."""
    sees = bench.config.visibility.proposer.train
    lines = [*_hidden(bench, row, sees), *brief.opening(row.brief, standing(bench, row.parent))]
    record = track_record.opening(foretold(bench), row.author, row.brief) if sees != "nothing" else ()
    return [*lines, *record, *lessons_told(bench)]


def _hidden(bench: Bench, row: ProposalRow, sees: str) -> Iterator[str]:
    """Say what a session does not see, and what it gets in its place."""
    if sees == "nothing":
        yield "Nothing of train tasks is shown to this session: name no evidence and no tasks."
    if sees == "aggregate":
        yield f"Train score: {aggregate(bench, row.start)}"
        yield "Single train tasks and attempts are not shown to this session: name no evidence and no tasks."


def aggregate(bench: Bench, candidate: str) -> TrainScore:
    """Average a candidate's train tasks, with the coverage."""
    rows = measured(bench, candidate)
    return TrainScore(mean_of_tasks(rewards(rows)), sum(row.reward is not None for row in rows), len(rows))


def _round(bench: Bench, slots: Sequence[int], parent: str, pivot: int) -> list[ProposalRow]:
    """Deal each slot of a round its brief, by turn and by what the round has already; the tuner's slots take none."""
    briefs, state = bench.config.proposer.briefs, standing(bench, parent)
    start = start_of(bench, parent, pivot) if pivot else parent
    program = bench.config.proposer.program
    author = bench.config.models.proposer.model if program is None else program_name(program)
    dealt: list[str] = []
    for slot in slots:
        dealt.append(brief.deal(briefs, slot - 1 - bench.config.tuner.served(slot - 1), state, dealt))
    return [ProposalRow(slot, parent, asked, author, start, pivot) for slot, asked in zip(slots, dealt, strict=True)]


def program_name(program: Program) -> str:
    """Name a program: a hash of its command and its folder's files, so that no two share a record; then its command."""
    mark = hashlib.sha256(json.dumps(program.command).encode())
    for path in sorted(program.folder.rglob("*") if program.folder else ()):
        if path.is_file() and "__pycache__" not in path.parts:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            mark.update(json.dumps([path.relative_to(program.folder or path).as_posix(), content]).encode())
    return f"program {mark.hexdigest()[:8]}: {shlex.join(program.command)}"


def standing(bench: Bench, parent: str) -> brief.Standing:
    """Read from the ledger what briefs can work on."""
    rows = {row.id: row for row in bench.ledger.candidates()}
    path = champion_path({name: row.parent for name, row in rows.items()}, parent)
    own = rewards(measured(bench, parent))
    failing = sum(any(value is not None and value < 1 for value in values) for values in own.values())
    kept = [name for name in rows if name in path and name != BASELINE]
    return brief.Standing(failing, kept, _ideas(bench, kept))


def _ideas(bench: Bench, kept: Sequence[str]) -> list[str]:
    """List candidates that held up: what the champion is made of, and what was left undecided ahead of its parent."""
    verdicts, found = bench.ledger.verdicts(), list(kept)
    for row in bench.ledger.candidates():
        verdict = verdicts.get(row.id)
        if verdict is None or row.parent is None or row.id in found:
            continue
        own, other = train_score(bench, row.id), train_score(bench, row.parent)
        ahead = own is not None and other is not None and own > other
        if verdict.verdict is Verdict.KEEP or (verdict.verdict is Verdict.UNDECIDED and ahead):
            found.append(row.id)
    return sorted(found)


def foretold(bench: Bench) -> list[Foretold]:
    """List the decided proposals with what became of their predictions."""
    verdicts, opened_with = bench.ledger.verdicts(), bench.ledger.proposals()
    return [
        Foretold(asked.author, asked.brief, verdicts[row.id].verdict is Verdict.KEEP, prediction_score(bench, row))
        for row in bench.ledger.candidates()
        if row.id in verdicts and (asked := opened_with.get(row.slot)) is not None
    ]


def prediction_score(bench: Bench, row: CandidateRow) -> PredictionScore | None:
    """Score what a candidate's author foretold, on train tasks, once it was screened; never an invalid one's."""
    after, verdict = screened(bench, row.id), bench.ledger.verdicts().get(row.id)
    if not after or row.parent is None or (verdict is not None and verdict.verdict is Verdict.INVALID):
        return None
    foretold = Prediction(tuple(row.fixes), tuple(row.at_risk))
    return score_prediction(foretold, scored(measured(bench, row.parent)), after, afresh=afresh(bench, row.id))
