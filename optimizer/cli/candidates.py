"""`ratchet candidates`: the changes that were tried."""

from __future__ import annotations

from enum import StrEnum
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from optimizer.cli.completing import complete_candidate
from optimizer.cli.diff_view import Style
from optimizer.cli.options import (
    LIMIT,
    RUNS,
    AsJson,
    AsJsonIfAsked,
    AsRows,
    Limit,
    RunBeforeCandidate,
    RunName,
    RunsDir,
    run_and,
)

if TYPE_CHECKING:  # what a command needs is imported in it
    from optimizer.facts import Facts
    from optimizer.ledger import CandidateRow
    from optimizer.propose import TrackRecord
    from optimizer.reading.blame import Blamed
    from optimizer.run_folder import RunFolder
    from task_agent.harness import HarnessBundle

app = typer.Typer(name="candidates", help="The changes that were tried.", no_args_is_help=True)
Run = RunBeforeCandidate
Candidate = Annotated[
    str | None,
    typer.Argument(metavar="CANDIDATE", help="A candidate's id, such as c001.", autocompletion=complete_candidate),
]
TREE_LIMIT = 40


class VerdictName(StrEnum):
    """Name what a candidate can be."""

    KEEP = "keep"
    REJECT = "reject"
    UNDECIDED = "undecided"
    INVALID = "invalid"
    OPEN = "open"
    BASELINE = "baseline"


class Order(StrEnum):
    """Name the orders of a list."""

    PROPOSED = "proposed"
    NEWEST = "newest"
    TRAIN = "train"


ORDERS = {
    Order.PROPOSED: "in the order they were proposed",
    Order.NEWEST: "the newest first",
    Order.TRAIN: "by train score, the best first",
}


@app.callback()
def root() -> None:
    """Group the commands about candidates."""


@app.command("list", short_help="List candidates with verdict and reason.")
def list_candidates(
    run: RunName = "last",
    verdict: Annotated[VerdictName | None, typer.Option("--verdict", help="Of one verdict only.")] = None,
    grep: Annotated[str | None, typer.Option("--grep", help="Only with this text in title or claim.")] = None,
    sort: Annotated[
        Order, typer.Option("--sort", help="As they were proposed, newest first, or by score.")
    ] = Order.PROPOSED,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """List candidates with verdict and reason, in the order they were proposed.

    Example: ratchet candidates list last --verdict keep
    """
    from optimizer.cli.output import tell, write_rows
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    found = [(row, _row(facts, row)) for row in facts.candidates]
    rows = [shown for row, shown in found if _wanted(row, shown, verdict, grep)]
    if sort is Order.NEWEST:
        rows.reverse()
    elif sort is Order.TRAIN:
        rows.sort(key=lambda row: -1.0 if row["train"] is None else row["train"], reverse=True)
    if not as_json and not rows:
        tell(f"none of the {len(found):,} candidates fits")
        return
    columns = ["candidate", "parent", "verdict", "train", "scored", "title", "why"]
    narrow = f"--verdict NAME, --grep TEXT or --limit ({ORDERS[sort]}; --sort changes that)"
    compact = ("candidate", "verdict", "train", "title", "why")
    write_rows(columns, rows, limit=limit, as_json=as_json, narrow=narrow, compact=compact)


def _wanted(row: CandidateRow, shown: dict[str, Any], verdict: str | None, grep: str | None) -> bool:  # Any: JSON
    text = f"{row.title}\n{row.hypothesis}".casefold()
    return verdict in (None, shown["verdict"]) and (grep is None or grep.casefold() in text)


def _row(facts: Facts, row: CandidateRow) -> dict[str, Any]:  # Any: JSON
    from optimizer.words import short_reason

    verdict = facts.verdicts.get(row.id)
    return {
        "candidate": row.id,
        "parent": row.parent,
        "harness": row.harness[:16],
        "verdict": verdict.verdict.value if verdict else ("baseline" if row.slot == 0 else "open"),
        "cause": verdict.cause if verdict else None,
        "reason": verdict.public if verdict else None,
        "why": short_reason(verdict) if verdict else None,
        "train": facts.train_score(row.id),
        "scored": str(facts.train_coverage(row.id)),
        "brief": facts.brief(row) or None,
        "title": row.title,
    }


@app.command("proposers", short_help="Show how well proposers foresaw, by model and brief.")
def proposers(run: RunName = "last", as_json: AsRows = False, runs_dir: RunsDir = RUNS) -> None:
    """Show what proposers named and what happened on train tasks, by model and brief.

    Precision is the share of the named tasks where it happened; damage is foreseen worse than repair. Named tasks had
    failed before, and some pass the next time whatever is changed: only fixes held against fresh attempts of the
    champion are free of that luck (`afresh` counts these predictions).

    Example: ratchet candidates proposers last
    """
    from optimizer.cli.output import tell, write_rows
    from optimizer.facts import read_facts
    from optimizer.propose.track_record import basis
    from optimizer.run_folder import find_run

    records = read_facts(find_run(runs_dir, run)).track_records
    rows = [_record(each) for each in records]
    if not as_json and not rows:
        tell("no proposal of a model was decided yet")
        return
    columns = ("model", "brief", "decided", "kept", "named_fixes", "fixed", "named_at_risk", "damaged")
    write_rows(columns, rows, limit=0, as_json=as_json, narrow="")
    if not as_json and (said := basis(sum(each.afresh for each in records), sum(each.measured for each in records))):
        tell(f"named fixes are held {said}")


def _record(each: TrackRecord) -> dict[str, Any]:  # Any: JSON
    return {
        "model": each.author,
        "brief": each.brief,
        "decided": each.proposals,
        "kept": each.kept,
        "measured": each.measured,
        "afresh": each.afresh,
        "named_fixes": each.fixes.named,
        "fixed": each.fixes.hits,
        "fix_precision": each.fixes.precision,
        "named_at_risk": each.damage.named,
        "damaged": each.damage.hits,
        "damage_precision": each.damage.precision,
        "damaged_in_all": each.damage.happened,
    }


@app.command("show", short_help="Show one candidate: claim, prediction, stages, verdict.")
def show(run: Run, candidate: Candidate = None, as_json: AsJson = False, runs_dir: RunsDir = RUNS) -> None:
    """Show one candidate: claim, evidence, prediction and its outcome, every stage, the verdict.

    Example: ratchet candidates show c001
    """
    from optimizer.cli.candidate_page import page
    from optimizer.cli.output import say, width, write_json
    from optimizer.facts import candidate_facts, read_facts
    from optimizer.run_folder import find_run

    run, candidate = run_and(run, candidate)
    facts = read_facts(find_run(runs_dir, run))
    data = candidate_facts(facts, candidate)
    if as_json:
        write_json(data, compact=("candidate", "verdict", "train_score", "title"))
        return
    for line in page(facts, data, width()):
        say(line)


@app.command("diff", short_help="Show what a candidate changes, and why.")
def diff(
    run: Run,
    candidate: Candidate = None,
    against: Annotated[str, typer.Option("--against", help="parent, baseline, champion, or an id.")] = "parent",
    style: Annotated[Style, typer.Option("--style", help="How it is drawn; auto looks at the terminal.")] = Style.AUTO,
    full: Annotated[bool, typer.Option("--full", help="All of a long difference.")] = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show what a candidate changes, its claim, evidence, prediction and verdict above.

    Example: ratchet candidates diff c001 --against baseline
    """
    from optimizer.cli.candidate_page import header
    from optimizer.cli.diff_view import record, write_difference
    from optimizer.cli.output import say, width, write_json
    from optimizer.facts import candidate_facts, read_facts
    from optimizer.run_folder import find_run
    from task_agent.harness.hunks import file_diffs

    run, candidate = run_and(run, candidate)
    folder = find_run(runs_dir, run)
    facts = read_facts(folder)
    data = candidate_facts(facts, candidate)
    other, before, after = _compared(folder, facts, data, against)
    files = file_diffs(before, after)
    if as_json:
        about = {key: data[key] for key in ABOVE}
        write_json({**about, "against": other, **record(files, before, after)})
        return
    for line in header(facts, data, width()):
        say(line)
    say("")
    write_difference(facts, data, other, files, style=style, full=full)


ABOVE = (
    "candidate", "parent", "title", "verdict", "cause", "reason", "changed_ground", "brief", "base", "hypothesis",
    "evidence",
    "predicted_fixes", "predicted_at_risk", "refuted_by", "objection", "prediction_outcome", "train_score",
    "train_coverage",
)  # fmt: skip
"""What stands above a difference."""


class _Compared(NamedTuple):
    other: str
    before: HarnessBundle
    after: HarnessBundle


def _compared(folder: RunFolder, facts: Facts, data: dict[str, Any], against: str) -> _Compared:  # Any: JSON
    from optimizer.candidates import BASELINE, Archive

    names = {"parent": data["parent"] or BASELINE, "baseline": BASELINE, "champion": facts.state.champion}
    other = facts.candidate(names.get(against, against)).id
    archive = Archive(folder.candidates)
    return _Compared(other, archive.load(other), archive.load(data["candidate"]))


@app.command("tree", short_help="Draw who came from whom.")
def tree(
    run: RunName = "last",
    as_json: AsJson = False,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="From more than this many on, refused ones are counted; 0: never.")
    ] = TREE_LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Draw who came from whom: the champion's path straight down, what was not kept beside it.

    Example: ratchet candidates tree last
    """
    from optimizer.cli.output import WIDEST, say, tell, write_json
    from optimizer.cli.tree_view import drawn, folded, record
    from optimizer.facts import read_facts
    from optimizer.reading.lineage import lineage
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    nodes = lineage(facts)
    if as_json:
        rows = [record(node) for node in nodes]
        write_json({"rows": rows, "total": len(rows), "champion": facts.state.champion})
        return
    shown = folded(nodes, limit)
    for line in drawn(shown, get_terminal_size((WIDEST, 24)).columns):
        say(line)
    if len(shown) < len(nodes):
        tell(f"{len(nodes):,} candidates in {len(shown):,} lines; --limit 0 draws each")


@app.command("blame", short_help="Show which candidate brought each line in.")
def blame_lines(
    run: Run,
    candidate: Candidate = None,
    file: Annotated[str | None, typer.Option("--file", help="One file of the harness only.")] = None,
    full: Annotated[bool, typer.Option("--full", help="All lines of a long harness.")] = False,
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show which candidate brought each line of a harness in, and what that candidate was measured to do.

    A line alone is never measured: an effect is that of all a candidate changed.

    Example: ratchet candidates blame last champion
    """
    from optimizer.cli.blame_view import record, write_blame
    from optimizer.cli.output import write_json
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run

    run, candidate = run_and(run, candidate)
    folder = find_run(runs_dir, run)
    facts = read_facts(folder)
    found = _blamed(folder, facts, facts.state.champion if candidate == "champion" else candidate, file)
    if as_json:
        write_json({"candidate": found.chain[-1], **record(found)})
    else:
        write_blame(found, full=full)


def _blamed(folder: RunFolder, facts: Facts, candidate: str, file: str | None) -> Blamed:
    from optimizer.candidates import Archive
    from optimizer.reading.blame import Blamed, blame, effects, lineage_of
    from traces.errors import NotFoundError

    archive, chain = Archive(folder.candidates), lineage_of(facts, candidate)
    files = blame([(each, archive.load(each)) for each in chain])
    if file is not None and file not in files:
        raise NotFoundError("file", file, close_matches=list(files)[:3], hint="leave --file out")
    shown = files if file is None else {file: files[file]}
    return Blamed(chain, effects(facts, chain, files), shown)
