"""What the failing train attempts of baseline and champion have in common."""

from __future__ import annotations

from optimizer.facts import Facts
from optimizer.reading.failing import failure_clusters
from optimizer.report.text import inline, table

LARGEST = 5
CLUSTER_COLUMNS = ("candidate", "failing attempts", "tasks", "cause", "look at")
NO_CLUSTER = "No train attempt of baseline or champion failed."


def cluster_rows(facts: Facts) -> list[list[str]]:
    """List the largest clusters of the baseline, and of the champion where it is another."""
    rows = []
    for name in dict.fromkeys((facts.candidates[0].id, facts.train_champion.id)):
        found = failure_clusters(facts.folder, name)
        for cluster in found[:LARGEST]:
            count = f"{len(cluster.failures):,}{f' ({cluster.missing} missing)' if cluster.missing else ''}"
            cause = f"{cluster.cause} ({cluster.basis})"
            rows.append([name, count, f"{len(cluster.tasks):,}", cause, cluster.examples[0].where])
        if found[LARGEST:]:
            left = sum(len(cluster.failures) for cluster in found[LARGEST:])
            rows.append([name, f"{left:,}", "", f"{len(found) - LARGEST:,} smaller clusters", ""])
    return rows


def failure_table(facts: Facts) -> str:
    """Tell in Markdown what failing train attempts have in common."""
    rows = cluster_rows(facts)
    return table(CLUSTER_COLUMNS, ([inline(cell) for cell in row] for row in rows)) if rows else NO_CLUSTER
