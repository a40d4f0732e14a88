"""A candidate whose champion changed before anything was made with it: its change is carried over, or it is stale."""

from __future__ import annotations

import dataclasses

from optimizer.stages.bench import Bench
from optimizer.stages.verdicts import decide
from optimizer.telling.progress import Progress
from task_agent.harness import HarnessBundle, diff, normalised_hash, reverse, validate, violations
from task_agent.harness.errors import HarnessError


def rebase(bench: Bench, candidate: str, champion: str) -> None:
    """Make the candidate's change to the present champion instead; where it does not fit, leave it undecided.

    The harness as it was proposed stays beside it, so that doing it again starts from the same.
    """
    row = next(row for row in bench.ledger.candidates() if row.id == candidate)
    proposed, now = f"{candidate}/proposed", bench.archive.load(champion)
    if not (bench.archive.folder(proposed) / "harness").exists():
        bench.archive.save(proposed, bench.archive.load(candidate))
    was = bench.ledger.rebases().get(candidate, str(row.parent))
    try:
        bundle = _carried(bench, now, bench.archive.load(was), bench.archive.load(proposed))
    except HarnessError as error:
        decide(bench, candidate, "stale", {"error": str(error)})
        return
    bench.archive.save(candidate, bundle)
    moved = dataclasses.replace(row, parent=champion, harness=bundle.hash, normalised=normalised_hash(bundle))
    bench.ledger.rebase(moved)
    text = f"{candidate} was proposed as a change of {was}; the champion is {champion} now, so it is put on top of that"
    bench.listen(Progress("notice", text, {"candidate": candidate}))


def _carried(bench: Bench, now: HarnessBundle, was: HarnessBundle, proposed: HarnessBundle) -> HarnessBundle:
    """Take the difference out the other way round: that knows lines that moved, and lines that collide.

    Where both put lines at one place, the champion's stand first.

    Raises:
        HarnessError: Both changed the same lines, or what comes of it does not load or leaves the edit surface.
    """
    if proposed.hash == now.hash:
        return now
    bundle = reverse(now, diff(proposed, was), after=True)
    validate(bundle)
    if broken := violations(bench.surface, now, bundle):
        raise HarnessError(broken[0])
    return bundle
