"""A comparison as Markdown, to be pasted where people talk."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.compare import words
from optimizer.compare.comparison import MEASURES, Comparison, Standing
from optimizer.report.text import bullets, code, inline, percent, table
from task_agent.harness import unified

HEADING = "Comparison: "
MOST_DIFF_LINES = 200


def render(comparison: Comparison, *, per_task: bool) -> str:
    """Write the comparison; single tasks only where they may be shown."""
    return "\n\n".join(_parts(comparison, per_task=per_task)) + "\n"


def _parts(comparison: Comparison, *, per_task: bool) -> Iterator[str]:
    yield f"# {inline(title(comparison))}"
    if comparison.simulated:
        yield f"> {words.SIMULATED}"
    for against in comparison.against:
        said = words.verdict(against, comparison.first.arm.label)
        pair = f"{against.label} - {comparison.first.arm.label}"
        lines = [
            f"**{inline(said)}**: {pair}: {inline(words.number(comparison, against))}",
            words.limit(comparison, against),
        ]
        yield "; ".join(filter(None, lines))
    yield f"{inline(words.rests_on(comparison), 400)}."
    if together := words.method(comparison):
        yield f"{inline(together, 400)}."
    yield _uses(comparison)
    yield "## Tasks"
    yield bullets(f"{against.label}: {words.flips(against)}" for against in comparison.against)
    if per_task:
        yield _tasks(comparison)
    yield "## Before you believe it"
    yield bullets(words.cautions(comparison) or ["nothing particular"])
    for standing in comparison.standings[1:]:
        yield f"## {comparison.first.arm.label} to {standing.arm.label}: the difference"
        yield _diff(comparison.first, standing)


def title(comparison: Comparison) -> str:
    """Name the comparison."""
    names = (f"{standing.arm.label} ({standing.arm.name})" for standing in comparison.standings)
    return f"{HEADING}{', '.join(names)}"


def _uses(comparison: Comparison) -> str:
    columns = ["arm", "harness", "score", "scored", *(words.USES[name] for name in MEASURES)]
    rows = [_row(comparison.first, [words.amount(n, comparison.against[0].uses[n].first) for n in MEASURES])]
    for standing, against in zip(comparison.standings[1:], comparison.against, strict=True):
        rows.append(
            _row(
                standing,
                [f"{words.amount(n, against.uses[n].second)}, {words.ratio(against.uses[n])}" for n in MEASURES],
            )
        )
    return table(columns, rows)


def _row(standing: Standing, amounts: list[str]) -> list[str]:
    arm = standing.arm
    named = f"{code(arm.name)} {inline(arm.title)}".strip()
    return [
        arm.label,
        named,
        percent(standing.score),
        f"{standing.scored:,} of {standing.planned:,}",
        *map(inline, amounts),
    ]


def _tasks(comparison: Comparison) -> str:
    labels = [standing.arm.label for standing in comparison.standings]
    rows = (
        [code(line.task), *(cell(line.means[label], line.scored[label]) for label in labels)]
        for line in comparison.lines
    )
    return table(["task", *labels], rows)


def cell(mean: float | None, scored: int) -> str:
    """Write a task's mean reward in one arm, with the attempts behind it."""
    return "" if mean is None else f"{mean:.2f} of {scored}"


def _diff(first: Standing, standing: Standing) -> str:
    """Fence a difference so that nothing in it ends the fence."""
    if first.arm.bundle is None or standing.arm.bundle is None:
        return f"{words.NO_HARNESS[:1].upper()}{words.NO_HARNESS[1:]}."
    lines = unified(first.arm.bundle, standing.arm.bundle).splitlines()
    if not lines:
        return "The same files."
    shown = "\n".join(lines[:MOST_DIFF_LINES])
    fence = "`" * max(3, max((len(run) for run in _ticks(shown)), default=0) + 1)
    more = f"\n\n{len(lines) - MOST_DIFF_LINES:,} more lines." if len(lines) > MOST_DIFF_LINES else ""
    return f"{fence}diff\n{shown}\n{fence}{more}"


def _ticks(text: str) -> list[str]:
    import re

    return re.findall(r"`+", text)
