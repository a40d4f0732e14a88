"""`ratchet candidates`: the changes that were tried."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from optimizer.cli.options import LIMIT, RUNS, AsJson, AsJsonIfAsked, AsRows, Limit, RunName, RunsDir, run_and

app = typer.Typer(name="candidates", help="The changes that were tried.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(metavar="[RUN]", help="A run, the last one when left out.")]
Candidate = Annotated[str | None, typer.Argument(metavar="CANDIDATE", help="A candidate's id, such as c001.")]


@app.callback()
def root() -> None:
    """Group the commands about candidates."""


@app.command("list")
def list_candidates(
    run: RunName = "last", as_json: AsRows = False, limit: Limit = LIMIT, runs_dir: RunsDir = RUNS
) -> None:
    """List candidates with verdict and reason, in the order they were proposed.

    Example: ratchet candidates list last
    """
    from optimizer.cli.output import write_rows
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    rows = [_row(facts, row) for row in facts.candidates]
    columns = ["candidate", "parent", "verdict", "train", "scored", "title", "why"]
    write_rows(columns, rows, limit=limit, as_json=as_json, narrow="--limit")


def _row(facts: Any, row: Any) -> dict[str, Any]:  # Any: Facts and CandidateRow, imported where used
    from optimizer.report.words import short_reason

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
        "title": row.title,
    }


@app.command("show")
def show(run: Run, candidate: Candidate = None, as_json: AsJson = False, runs_dir: RunsDir = RUNS) -> None:
    """Show one candidate: claim, evidence, prediction and its outcome, every stage, the verdict.

    Example: ratchet candidates show c001
    """
    from optimizer.cli.output import escape, say, write_json
    from optimizer.facts import candidate_facts, read_facts
    from optimizer.run_folder import find_run

    run, candidate = run_and(run, candidate)
    data = candidate_facts(read_facts(find_run(runs_dir, run)), candidate)
    if as_json:
        write_json(data)
        return
    for key, value in data.items():
        if isinstance(value, dict):
            say(f"{key}:")
            for name, part in value.items():
                say(f"  {name}: {escape(str(part))}")
        else:
            say(f"{key}: {escape(str(value))}")


@app.command("diff")
def diff(
    run: Run,
    candidate: Candidate = None,
    against: Annotated[str, typer.Option("--against", help="parent, baseline, or a candidate's id.")] = "parent",
    as_json: AsJsonIfAsked = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show what a candidate changes, its claim and verdict above.

    Example: ratchet candidates diff c001 --against baseline
    """
    from optimizer.candidates import BASELINE, Archive
    from optimizer.cli.output import escape, say, write_json
    from optimizer.facts import candidate_facts, read_facts
    from optimizer.run_folder import find_run
    from task_agent.harness import unified

    run, candidate = run_and(run, candidate)
    folder = find_run(runs_dir, run)
    facts = read_facts(folder)
    data = candidate_facts(facts, candidate)
    names = {"parent": data["parent"] or BASELINE, "baseline": BASELINE}
    other = facts.candidate(names.get(against, against)).id
    archive = Archive(folder.candidates)
    text = unified(archive.load(other), archive.load(candidate))
    if as_json:
        write_json({"candidate": candidate, "against": other, "diff": text})
        return
    say(f"{candidate}: {escape(data['title'])}")
    say(f"verdict: {data['verdict']} ({data['reason'] or 'none yet'})")
    if data["hypothesis"]:
        say(f"claim: {escape(data['hypothesis'])}")
    say()
    say(escape(text) if text else f"no difference from {other}")
