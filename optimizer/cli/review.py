"""`ratchet review`: a person's word on changes that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.completing import complete_candidate
from optimizer.cli.options import RUNS, AsJson, RunBeforeCandidate, RunsDir, run_and

if TYPE_CHECKING:  # what a command needs is imported in it
    from optimizer.facts import Facts

Candidate = Annotated[
    str | None,
    typer.Argument(
        metavar="CANDIDATE", help="A candidate that waits, such as c001.", autocompletion=complete_candidate
    ),
]
Accept = Annotated[bool, typer.Option("--accept", help="Let it go on: a passed test makes it champion.")]
Refuse = Annotated[bool, typer.Option("--refuse", help="Refuse it for good; a level its test used stays spent.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the record. A proposer never reads it.")]
By = Annotated[str, typer.Option("--by", help="Who says so.", envvar="USER")]

Json = dict[str, Any]  # Any: JSON


def review(
    run: RunBeforeCandidate = "last",
    candidate: Candidate = None,
    accept: Accept = False,
    refuse: Refuse = False,
    reason: Reason = "",
    by: By = "somebody",
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Look at the evidence of a change that waits for a person's word, and accept or refuse it.

    With a run alone it lists what waits. A word stands once it is said.

    Example: ratchet review last c001 --accept
    """
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run
    from traces.errors import UsageError

    if candidate is None and not _is_candidate(run):
        if accept or refuse:
            hint = f"{find_run(runs_dir, run).command('review', 'CANDIDATE')} {'--accept' if accept else '--refuse'}"
            raise UsageError("which candidate is meant?", hint=hint)
        _list(read_facts(find_run(runs_dir, run)), as_json=as_json)
        return
    run, candidate = run_and(run, candidate)
    facts = read_facts(find_run(runs_dir, run))
    if not accept and not refuse:
        _show(facts, candidate, as_json=as_json)
        return
    if accept and refuse:
        raise UsageError("--accept and --refuse exclude each other")
    _say(facts, candidate, accepted=accept, by=by, reason=reason, as_json=as_json)


def _is_candidate(word: str) -> bool:
    return word.startswith("c") and word[1:].isdigit()


def _list(facts: Facts, *, as_json: bool) -> None:
    from optimizer.cli.output import tell, write_rows

    rows = [{"candidate": name, "title": facts.candidate(name).title} for name in facts.waiting]
    if not rows and not as_json:
        tell(f"run {facts.folder.id}: nothing waits for a person's word")
        return
    write_rows(["candidate", "title"], rows, limit=0, as_json=as_json, narrow="", compact=("candidate", "title"))
    if not as_json:
        tell(f"look at one: {facts.folder.command('review', facts.waiting[0])}")


def _show(facts: Facts, candidate: str, *, as_json: bool) -> None:
    from optimizer.candidates import Archive
    from optimizer.cli.candidate_page import page
    from optimizer.cli.diff_view import Style, record, write_difference
    from optimizer.cli.output import say, width, write_json
    from optimizer.facts import candidate_facts
    from task_agent.harness.hunks import file_diffs

    data = candidate_facts(facts, candidate)
    archive, parent = Archive(facts.folder.candidates), data["parent"] or candidate
    before, after = archive.load(parent), archive.load(candidate)
    files = file_diffs(before, after)
    if as_json:
        write_json({**data, **record(files, before, after)}, compact=("candidate", "verdict", "title", "review"))
        return
    for line in page(facts, data, width()):
        say(line)
    say("")
    write_difference(facts, data, parent, files, style=Style.AUTO, full=False)
    if candidate in facts.waiting:
        for word in ("--accept", "--refuse --reason WHY"):
            say(f"  {facts.folder.command('review', candidate)} {word}")


def _say(facts: Facts, candidate: str, *, accepted: bool, by: str, reason: str, as_json: bool) -> None:
    from datetime import UTC, datetime

    from optimizer.cli.output import say, write_json
    from optimizer.ledger import ReviewRow
    from optimizer.review import give

    _check_waits(facts, candidate)
    given_at = datetime.now(UTC).isoformat(timespec="seconds")
    give(facts.folder.path, ReviewRow(candidate, accepted, by, reason, given_at))
    word = "accepted" if accepted else "refused"
    lives = facts.driver_pid is not None
    said = f"{candidate} is {word}; {'its driver goes on' if lives else 'resume the run to carry it out'}"
    if as_json:
        following: Json = {"next": facts.folder.command("status" if lives else "resume")}
        write_json(
            {"run": facts.folder.id, "candidate": candidate, "said": word, "by": by, "reason": reason, **following}
        )
        return
    say(said)
    if not lives:
        say(f"  {facts.folder.command('resume')}")


def _check_waits(facts: Facts, candidate: str) -> None:
    """Refuse a word on what does not wait for one.

    Raises:
        NotFoundError: There is no such candidate.
        UsageError: It is decided, or not yet where a person is asked.
    """
    from traces.errors import UsageError

    row = facts.candidate(candidate)
    if any(waits.id == candidate for waits in facts.state.waiting):
        return  # also where a word was said and is not entered: the same again changes nothing
    verdict = facts.verdicts.get(candidate)
    if row.slot == 0:
        stands = "is the baseline"
    else:
        stands = f"is decided: {verdict.verdict.value}" if verdict else "is not yet where a person is asked"
    waits = ", ".join(facts.waiting) or "none"
    raise UsageError(f"{candidate} does not wait for a word: it {stands}", hint=f"waiting now: {waits}")
