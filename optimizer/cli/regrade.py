"""`ratchet regrade`: grade what a run's attempts left again, and see what that would have changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.attempts import SplitName
from optimizer.cli.completing import complete_candidate
from optimizer.cli.options import RUNS, AsJson, RunName, RunsDir

if TYPE_CHECKING:
    from optimizer.facts import Facts
    from optimizer.regrading.certified_again import CertifiedAgain
    from optimizer.regrading.regrade import Regraded
    from optimizer.run_folder import RunFolder

Json = dict[str, Any]  # Any: JSON
STANDS = "Nothing was rewritten: rewards, verdicts, the champion and the certified number stand as they were decided."


def regrade(
    run: RunName = "last",
    candidate: Annotated[
        str | None,
        typer.Option("--candidate", help="Of one candidate only.", autocompletion=complete_candidate),
    ] = None,
    split: Annotated[SplitName | None, typer.Option("--split", help="Of one split only.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="On one task only.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Grade also what this very verifier graded before.")] = False,
    per_task: Annotated[
        bool, typer.Option("--per-task", help="Show single held-out and test attempts too; that is noted.")
    ] = False,
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Grade what attempts left again, by the suite's verifiers as they are now; no agent runs, no verdict changes.

    Example: ratchet regrade last --split train
    """
    from optimizer.cli.output import write_json
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    if candidate is not None:
        facts.candidate(candidate)
    wanted = [("candidate", candidate), ("split", split.value if split else None), ("task", task)]
    rows = [row for row in facts.attempts if all(value in (None, getattr(row.spec, key)) for key, value in wanted)]
    data = _grade(facts, rows, again=again, per_task=per_task)
    if as_json:
        write_json(data)
        return
    _show(data, facts.folder)


def _grade(facts: Facts, rows: Sequence[Any], *, again: bool, per_task: bool) -> Json:
    """Grade, and say what came of it (Any: rows of the ledger)."""
    from benchmarks.suite import load_suite
    from optimizer.registry import registry_of
    from optimizer.regrading.certified_again import certified_again
    from optimizer.regrading.regrade import regrade_run, summed
    from optimizer.run_file import load_run_file
    from task_agent.sandbox import open_sandbox
    from traces.errors import UsageError

    config, lock = load_run_file(facts.folder.config), facts.lock
    with config.pointing():
        suite = load_suite(config.suite, Path.cwd())
    kind = lock["sandbox"]
    ended = [row for row in rows if row.state != "planned"]
    if not ended:
        raise UsageError("no attempt of these has ended", hint=facts.folder.command("attempts list"))
    found = regrade_run(
        facts.folder, suite, ended, sandbox=kind, make_sandbox=lambda spec: open_sandbox(kind, spec), again=again
    )
    record = registry_of(facts.folder.path.parent).record(lock["suite"], lock["uid"])
    certified = certified_again(facts, config, suite, record.splits, found) if record else None
    return {
        "run": facts.folder.id,
        "suite": {"then": lock["suite"], "now": suite.hash},
        "regraded": len(found.rows),
        "known_before": found.known,
        "changed": len(found.changed),
        "up": sum(row.new is not None and row.new > row.old for row in found.rows),
        "down": sum(row.new is not None and row.new < row.old for row in found.rows),
        "without_reward": sum(row.new is None for row in found.rows),
        "left_out": dict(found.left),
        "candidates": summed(found, ended),
        "certified": certified and _both_numbers(facts, certified),
        "attempts": _single(facts.folder, found, per_task=per_task),
        "rewritten": False,
    }


def _both_numbers(facts: Facts, again: CertifiedAgain) -> Json:
    """Set the certified number beside what it would be with the new rewards."""
    stands, found = facts.certificate or {}, again.found
    return {
        "stands": {"difference": stands.get("difference"), "interval": stands.get("interval")},
        "with_new": {
            "difference": found.difference,
            "interval": None if found.lower is None else [found.lower, found.upper],
        },
        "attempts": again.attempts,
        "regraded": again.regraded,
    }


def _single(folder: RunFolder, found: Regraded, *, per_task: bool) -> list[Json]:
    """List the attempts whose reward is another now: train ones, and others only when asked for, which is noted."""
    from dataclasses import asdict

    from optimizer.cli.output import tell, wrap
    from optimizer.reading.readings import note_reading

    shown = [row for row in found.rows if row.changed or row.new is None]
    if not per_task:
        return [asdict(row) for row in shown if row.split == SplitName.TRAIN.value]
    splits = dict.fromkeys(row.split for row in shown)
    if caution := note_reading(folder, "regrade --per-task", splits, [row.attempt for row in shown]):
        tell(wrap(caution))
    return [asdict(row) for row in shown]


def _show(data: Json, folder: RunFolder) -> None:
    from optimizer.cli.output import say, tell, wrap, write_table
    from optimizer.report.text import percent

    same = data["suite"]["then"] == data["suite"]["now"]
    suite = "as it was when the run was begun" if same else "as it is now: it changed since the run was begun"
    say(wrap(f"{data['regraded']:,} attempts of run {data['run']} graded again, by the suite {suite}"))
    if data["known_before"]:
        say(f"  {data['known_before']:,} of them by these very verifiers before; --again grades them anew")
    say(f"  {data['changed']:,} have another reward: {data['up']:,} more, {data['down']:,} less")
    if data["without_reward"]:
        say(f"  {data['without_reward']:,} got no reward: they keep what they had")
    for reason, count in data["left_out"].items():
        say(wrap(f"  {count:,} left out, {reason}{_way_out(reason)}", "    "))
    if not data["regraded"]:
        return
    say()
    columns = ["candidate", "split", "attempts", "regraded", "changed", "old", "new"]
    rows = [
        [*(row[name] for name in columns[:5]), percent(row["old"]), percent(row["new"])] for row in data["candidates"]
    ]
    write_table(columns, rows)
    if data["attempts"]:
        say()
        single = ["attempt", "split", "old", "new", "cause"]
        write_table(single, [[row[name] for name in single] for row in data["attempts"]])
    else:
        tell("single train attempts that changed are listed; held-out and test ones with --per-task, which is noted")
    say()
    if data["certified"]:
        say(wrap(_certified(data["certified"])))
    say(wrap(f"{STANDS} What was found is kept in {folder.path / 'regrades.jsonl'}."))


def _way_out(reason: str) -> str:
    from optimizer.regrading.regrade import NOT_KEPT

    return ": `sandbox: {keep_work: true}` in the run file keeps work directories from the next run on" * (
        reason == NOT_KEPT
    )


def _certified(record: Json) -> str:
    """Say what the certified number is, and what it would have been."""
    stands, new = record["stands"], record["with_new"]
    return (
        f"Certified gain: {_number(stands)} stands; with the new rewards it would have been {_number(new)}"
        f" ({record['regraded']:,} of its {record['attempts']:,} attempts were graded again)."
    )


def _number(found: Json) -> str:
    from optimizer.report.text import points

    interval = found["interval"]
    ends = f", interval {points(interval[0])} to {points(interval[1])}" if interval else ""
    return f"{points(found['difference'])} points{ends}"
