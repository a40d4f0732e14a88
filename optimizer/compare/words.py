"""Sentences and cells about a comparison: the same words on a terminal, in Markdown and on a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from benchmarks.task import Split
from optimizer.compare.comparison import Against, Comparison, Standing
from optimizer.gate.contrasts import BONFERRONI, MAX_T
from optimizer.gate.ratios import Ratio
from optimizer.report.text import percent, points
from optimizer.words import about, duration, money, ordinal

SPLITS: Final[Mapping[Split, str]] = {Split.TRAIN: "train", Split.HELDOUT: "held-out", Split.TEST: "test"}
METHODS: Final[Mapping[str, str]] = {
    MAX_T: "max-t (Dunnett's idea: the largest of correlated t statistics, simulated from the correlation seen)",
    BONFERRONI: "Bonferroni (each interval at a share of the error)",
}
USES: Final[Mapping[str, str]] = {
    "cost": "money",
    "tokens": "tokens",
    "seconds": "latency",
    "turns": "turns",
}
"""What an attempt uses -> its name for a person."""
NO_HARNESS: Final = "imported trials have no harness here to hold beside the other"
SIMULATED = (
    "SIMULATED MODEL: every number below comes from a seeded stand-in with configured slips. It says nothing about any"
    " real model."
)


def verdict(against: Against, first: str) -> str:
    """Say who is better."""
    return {
        "this": f"{against.label} is better",
        "first": f"{first} is better",
        "undecided": "undecided",
    }[against.verdict]


def number(comparison: Comparison, against: Against) -> str:
    """Write a difference with its interval."""
    found = against.contrast
    if found.difference is None:
        return "no difference can be estimated: too few tasks were scored in every arm"
    level = f"{100 * comparison.level:.4g}%"
    ends = f"{level} interval {points(found.lower)} to {points(found.upper)}"
    together = ", all together" if len(comparison.against) > 1 else ""
    return f"{points(found.difference)} points ({ends}{together})"


def rests_on(comparison: Comparison) -> str:
    """Say how many tasks and attempts the differences rest on, and what they are about."""
    low, high = comparison.runs
    runs = f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g} to {high:.3g}"
    clusters = f" in {comparison.units} clusters" if comparison.units not in (0, comparison.tasks) else ""
    left = comparison.offered - comparison.tasks
    out = f" (of {comparison.offered:,}; {left:,} not scored in every arm)" if left else ""
    return (
        f"n = {comparison.tasks:,} {SPLITS[comparison.split]} tasks{clusters}{out}, R = {runs} attempts of each in each"
        f" arm, {percent(comparison.coverage)} of {_planned(comparison):,} scored; about {about(comparison.target)}"
        f" (target: {comparison.target})"
    )


def _planned(comparison: Comparison) -> int:
    return sum(standing.planned for standing in comparison.standings)


def limit(comparison: Comparison, against: Against) -> str:
    """Say which differences this comparison would usually have missed; empty when that is not known."""
    smallest = against.contrast.smallest
    if smallest is None:
        return ""
    return f"the smallest true difference found four times in five with this noise: {100 * smallest:.1f} points"


def flips(against: Against) -> str:
    """Count tasks won, lost and level, and those that flipped."""
    return (
        f"{against.won} won, {against.lost} lost, {against.level} level;"
        f" flipped {len(against.up)} up, {len(against.down)} down"
    )


def score(standing: Standing) -> str:
    """Write an arm's score with what it rests on."""
    missing = f", {standing.missing:,} missing" if standing.missing else ""
    return f"{percent(standing.score)} ({standing.scored:,} of {standing.planned:,} scored{missing})"


def amount(name: str, value: float | None) -> str:
    """Write what an attempt uses; unknown is said, never 0."""
    if value is None:
        return "unpriced" if name == "cost" else "unknown"
    match name:
        case "cost":
            return money(value) if value >= 1 else f"${value:.4f}"
        case "seconds":
            return f"{value:.2f} s" if value < 120 else duration(value)
        case "turns":
            return f"{value:.1f}"
        case _:
            return f"{value:,.0f}"


def ratio(found: Ratio) -> str:
    """Write a ratio with its interval."""
    if found.ratio is None:
        return "unknown"
    if found.lower is None or found.upper is None:
        return f"x{found.ratio:.2f} (interval unknown)"
    return f"x{found.ratio:.2f} ({found.lower:.2f} to {found.upper:.2f})"


def method(comparison: Comparison) -> str:
    """Say how several intervals were made to hold together; empty for one."""
    words = METHODS.get(comparison.method)
    return f"simultaneous intervals against {comparison.first.arm.label} by {words}" if words else ""


def cautions(comparison: Comparison) -> list[str]:
    """List what a reader must know before believing the numbers."""
    return [*_forced(comparison), *_of_imports(comparison), *_of_evidence(comparison), *_of_arms(comparison)]


def _forced(comparison: Comparison) -> Iterator[str]:
    for each in comparison.ground.forced:
        yield f"FORCED although not the same tasks: {each}"


def _of_evidence(comparison: Comparison) -> Iterator[str]:
    evidence = comparison.evidence
    if not evidence.fresh:
        yield (
            "these attempts are left from earlier runs, not all made side by side: what changed meanwhile at the"
            " provider or the machine counts as a difference; --attempts N draws fresh ones"
        )
        for label, counts in evidence.deciding.items():
            kinds = ", ".join(f"{count:,} {purpose}" for purpose, count in counts.items())
            yield f"{label}: some took part in decisions ({kinds}); those of a harness that was kept flatter it"
    if begun := sum(s.planned - s.scored - s.missing for s in comparison.standings):
        yield f"{begun:,} attempts are planned and not made yet: the same command goes on with them"
    if evidence.grown:
        times = "once" if evidence.grown == 1 else f"{evidence.grown} times"
        yield (
            f"attempts were added {times} after a first reading: an interval that is read while it grows holds the"
            " truth less often than it says"
        )
    if evidence.look:
        number = ordinal(evidence.look)
        yield f"this was the {number} look at these test tasks, counted for ever; each further one is stricter"


def _of_imports(comparison: Comparison) -> Iterator[str]:
    suite, model = comparison.ground.suite, comparison.ground.config.models.task.model
    for standing in comparison.standings:
        label, imported = standing.arm.label, standing.arm.imported
        if imported is None:
            continue
        yield (
            f"{label} was IMPORTED from Harbor job {imported.job.name}: {imported.agent} made these trials elsewhere,"
            " at another time and load, not interleaved with the others. What differs may be agent, model, machine,"
            " limits or grader; this is no evidence for a harness, and is used for none"
        )
        if imported.agent.model != model:
            yield f"{label} asked {imported.agent.model or 'a model it does not name'}, the others {model}"
        if not imported.same_suite(suite):
            yield f"{label}: its tasks are matched by name; that their contents were the same cannot be told"
        if strangers := imported.strangers(suite):
            yield f"{label}: {strangers:,} of its trials are of tasks that are not of this suite, and left out"
        if imported.job.unfinished:
            yield f"{label}: {imported.job.unfinished:,} trials of its job are not finished"


def _of_arms(comparison: Comparison) -> Iterator[str]:
    first = comparison.first.arm
    unknown = [standing.arm.label for standing in comparison.standings if standing.arm.origin is None]
    if unknown and comparison.evidence.fresh and comparison.split is not Split.TRAIN:
        them = " and ".join(unknown)
        yield f"where {them} was tuned is not known: tuned on these very tasks, it looks better than it is"
    if comparison.split is Split.TRAIN:
        yield "train tasks: whoever tuned a harness has read them, so they flatter it"
    for against in comparison.against:
        if against.unequal_missing:
            yield (
                f"{first.label} and {against.label} lost attempts unequally, more than chance allows: what is missing"
                " may hide a difference"
            )
    standings = {standing.arm.label: standing for standing in comparison.standings}
    for label, standing in standings.items():
        if standing.unpriced:
            yield f"{label}: {standing.unpriced:,} requests had no price, so its money is unknown where they were made"
    same = [s.arm.label for s in comparison.standings[1:] if s.arm.hash == first.hash]
    if same:
        yield f"{first.label} and {' and '.join(same)} are the same harness: the difference is noise by construction"
