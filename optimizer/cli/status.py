"""`ratchet status`: how a run stands."""

from __future__ import annotations

from optimizer.cli.options import RUNS, AsJson, FailUnlessImproved, RunName, RunsDir

COMPACT = ("run", "state", "champion", "test", "spend", "elapsed_s")


def status(
    run: RunName = "last",
    fail_unless_improved: FailUnlessImproved = False,
    as_json: AsJson = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Say how a run stands, while it runs or after.

    Example: ratchet status last --json
    """
    from optimizer.cli.ending import end_as_asked
    from optimizer.cli.output import write_json
    from optimizer.cli.summary import write_summary
    from optimizer.facts import read_facts
    from optimizer.facts import status as facts_status
    from optimizer.run_folder import find_run

    facts = read_facts(find_run(runs_dir, run))
    if as_json:
        write_json(facts_status(facts), compact=COMPACT)
    else:
        write_summary(facts, runs_dir)
    end_as_asked(facts, unless_improved=fail_unless_improved)
