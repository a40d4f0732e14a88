"""`ratchet audit`: a simulated run against its known truth."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.cli.options import RUNS, AsJson, RunName, RunsDir


def audit(run: RunName = "last", as_json: AsJson = False, runs_dir: RunsDir = RUNS) -> None:
    """Hold every verdict and the certified gain of a simulated run against the truth.

    Example: ratchet audit last
    """
    from optimizer.cli.output import points, say, write_json, write_table
    from optimizer.facts import read_facts
    from optimizer.run_folder import find_run
    from optimizer.studies.audit import audit as hold_against_truth

    data = hold_against_truth(read_facts(find_run(runs_dir, run)))
    if as_json:
        write_json(data)
        return
    holds = {True: "yes", False: "no", None: "unknown"}[data["interval_holds_truth"]]
    certified, true = data["certified"], data["true"]
    say(f"certified gain  {points(certified['difference'])}, interval {_span(certified['interval'])}")
    say(f"true gain       {points(true['gain'])}  (the interval holds it: {holds})")
    wrong, again = data["false_keeps"], data["false_keeps_pruned"]
    taken = f", {again} taken out again by pruning" if again else ""
    say(f"kept by mistake {wrong} without effect or worse, of them {data['harmful_keeps']} harmful{taken}")
    say(f"overfits kept   {data['overfit_kept']}")
    if pruned := data["pruned"]:
        removed = " and ".join(pruned["removed"])
        say(f"pruned          {removed}: truly {points(pruned['effect'])} on tasks no proposer saw")
    if data["unknown"]:
        say(f"truth unknown   {data['unknown']} candidates, shown as -: code orchestrates them")
    say()
    columns = ["candidate", "verdict", "cause", "effect", "effect_on_train", "label", "title"]
    rows = (
        {**row, "verdict": f"{row['verdict']}, pruned" if row["pruned"] else row["verdict"]}
        for row in data["candidates"]
    )
    write_table(columns, [[row[column] for column in columns] for row in rows])


def _span(interval: Sequence[float] | None) -> str:
    return f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}" if interval else "unknown"
