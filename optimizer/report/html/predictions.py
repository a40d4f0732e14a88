"""What the authors of changes foretold, and what happened."""

from __future__ import annotations

from optimizer.report.changes import fixes_basis
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import folded, grid, section
from optimizer.report.html.reading import NAME_CHARS, Reading
from optimizer.report.text import percent

COLUMNS = (
    "candidate", "verdict",
    "fixes named", "of them fixed", "fixed in all",
    "damage feared", "of it happened", "damaged in all",
)  # fmt: skip
FIELDS = ("named", "hits", "happened")


def predictions(reading: Reading) -> Element:
    """Hold predictions against train attempts, one by one and over the whole night."""
    facts = reading.facts
    made = [row for row in facts.changes if row.fixes or row.at_risk]
    if not made:
        return section("predictions", "Predictions against outcomes", h("p", "No prediction was made yet."))
    outcomes = {row.id: facts.prediction_outcome(row) for row in made}
    sums = dict.fromkeys(((side, name) for side in ("fixes", "damage") for name in FIELDS), 0)
    rows: list[list[Child]] = []
    for row in made:
        if (found := outcomes[row.id]) is None:
            continue
        counts = [getattr(getattr(found, side), name) for side, name in sums]
        sums = {key: before + count for (key, before), count in zip(sums.items(), counts, strict=True)}
        rows.append([h("a", row.id, href=f"#{row.id}"), reading.kind(row), *(str(count) for count in counts)])
    fixes, damage = (_share(sums[side, "hits"], sums[side, "named"]) for side in ("fixes", "damage"))
    total: list[Child] = ["all", "", *(str(count) for count in sums.values())]
    unmeasured = sum(found is None for found in outcomes.values())
    return section(
        "predictions",
        "Predictions against outcomes",
        h(
            "p",
            f"Of the tasks that authors said a change would fix, {fixes} were fixed; of those they feared for, {damage}"
            f" were damaged. {unmeasured} of {len(made)} predictions could not be measured: the change was refused"
            f" before its train attempts. Few attempts of each task make single rows noisy. {fixes_basis(facts)}",
        ),
        _table(reading, rows, total) if rows else None,
        _by_proposer(reading) if len(facts.track_records) > 1 else None,
    )


def _by_proposer(reading: Reading) -> Element:
    """Keep the models and briefs apart, when there are several."""
    rows = [
        [reading.words(each.author, NAME_CHARS), each.brief, str(each.proposals), str(each.kept)]
        + [str(getattr(found, name)) for found in (each.fixes, each.damage) for name in FIELDS]
        for each in reading.facts.track_records
    ]
    return h("div", h("p", "By model and brief:"), grid(("model", "brief", "decided", "kept", *COLUMNS[2:]), rows))


def _share(hits: int, named: int) -> str:
    return f"{percent(hits / named)} ({hits} of {named})" if named else "(none named and measured)"


def _table(reading: Reading, rows: list[list[Child]], total: list[Child]) -> Element:
    shown = rows[-reading.caps.rows :]
    cut = (
        h("p", f"The newest {len(shown)} of {len(rows)} are listed.", class_="note") if len(shown) < len(rows) else None
    )
    return h("div", folded(shown, grid(COLUMNS, [*shown, total], total=True)), cut)
