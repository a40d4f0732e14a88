"""Failure clusters of a run's candidates, for people: train attempts alone, as proposers see them."""

from __future__ import annotations

from contextlib import closing

from optimizer.attempt_spec import Purpose
from optimizer.ledger import Ledger
from optimizer.propose.clusters import Cluster, clusters, failures
from optimizer.propose.digests import Digest
from optimizer.propose.views import TRAIN, AttemptView
from optimizer.run_folder import RunFolder
from traces.store import TraceStore


def failure_clusters(folder: RunFolder, candidate: str, *, task: str | None = None) -> list[Cluster]:
    """Sort a candidate's failing train attempts by what they have in common, the largest cluster first."""
    where = {"candidate": candidate, "split": TRAIN} | ({"task": task} if task else {})
    with closing(Ledger(folder.ledger, read_only=True)) as ledger:
        rows = ledger.attempts(folder.id, **where)
        digests = {row.attempt: Digest.from_record(row.attempt, dict(row.record)) for row in ledger.digests()}
    views = [
        AttemptView(row.spec.id, candidate, row.spec.task, row.reward, row.cause, row.turns)
        for row in rows
        if row.state != "planned" and row.spec.purpose is not Purpose.TUNE
    ]
    return clusters(failures(TraceStore(folder.traces), views, digests))
