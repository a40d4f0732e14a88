"""A comparison, and what one will take, as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from optimizer.cli.output import Colour, clip, one_line, paint, say, tell, width, wrap, write_json, write_table
from optimizer.compare import words
from optimizer.compare.comparison import MEASURES, Against, Comparison, Standing
from optimizer.compare.record import diff
from optimizer.report.text import percent
from optimizer.words import about, duration, money

if TYPE_CHECKING:
    from optimizer.compare.outlook import Outlook

MOST_TASKS = 20
COLOURS: Final[dict[str, Colour]] = {"this": "green", "first": "red", "undecided": "yellow"}


def show(comparison: Comparison, *, per_task: bool, all_tasks: bool) -> None:
    """Write who is compared, the verdict, what attempts use, tasks, the harnesses' difference and cautions."""
    if comparison.simulated:
        say(paint(wrap(words.SIMULATED), "yellow"))
        say()
    _show_arms(comparison)
    say()
    for against in comparison.against:
        _show_verdict(comparison, against)
    say(wrap(words.rests_on(comparison), "  "))
    if together := words.method(comparison):
        say(wrap(together, "  "))
    say()
    _show_uses(comparison)
    say()
    _show_tasks(comparison, per_task=per_task, all_tasks=all_tasks)
    for standing in comparison.standings[1:]:
        say(f"harness  {_changed(comparison.first, standing)}")
    say()
    for caution in words.cautions(comparison):
        say(wrap(f"- {caution}", "  ").removeprefix("  "))
    for folder in comparison.evidence.folders if comparison.evidence.fresh else ():
        tell(f"its attempts: {folder.command('attempts list')}")


def _show_arms(comparison: Comparison) -> None:
    arms = [standing.arm for standing in comparison.standings]
    longest = max(len(one_line(arm.name)) for arm in arms)
    for arm in arms:
        line = f"{one_line(arm.name):<{longest}}  {one_line(arm.title)}".rstrip()
        say(f"{paint(arm.label, 'bold')}  {clip(line, max(width(), longest + 20) - 3)}")


def _show_verdict(comparison: Comparison, against: Against) -> None:
    first = comparison.first.arm.label
    head = paint(words.verdict(against, first), COLOURS[against.verdict])
    say(f"{head}: {against.label} - {first} {words.number(comparison, against)}")
    if limit := words.limit(comparison, against):
        say(wrap(limit, "  "))


def _show_uses(comparison: Comparison) -> None:
    """Write scores and what attempts use, arm by arm, and below each its ratio to the first."""
    columns = ["", "score", "scored", *(words.USES[name] for name in MEASURES)]
    rows = [_row(comparison, None, comparison.first)]
    for standing, against in zip(comparison.standings[1:], comparison.against, strict=True):
        rows.append(_row(comparison, against, standing))
        ratios = [_short(against, name) for name in MEASURES]
        rows.append([f"{against.label} / {comparison.first.arm.label}", "", "", *ratios])
    write_table(columns, rows)


def _row(comparison: Comparison, against: Against | None, standing: Standing) -> list[str]:
    uses = (against or comparison.against[0]).uses
    amounts = [uses[name].second if against else uses[name].first for name in MEASURES]
    return [
        standing.arm.label,
        percent(standing.score),
        f"{standing.scored:,} of {standing.planned:,}",
        *(words.amount(name, value) for name, value in zip(MEASURES, amounts, strict=True)),
    ]


def _short(against: Against, name: str) -> str:
    found = against.uses[name]
    if found.ratio is None or found.lower is None or found.upper is None:
        return words.ratio(found)
    return f"x{found.ratio:.2f} ({found.lower:.2f}-{found.upper:.2f})"


def _show_tasks(comparison: Comparison, *, per_task: bool, all_tasks: bool) -> None:
    for against in comparison.against:
        label = "tasks" if len(comparison.against) == 1 else f"tasks {against.label}"
        say(f"{label:<8} {words.flips(against)}")
        if per_task:
            for word, names in (("up", against.up), ("down", against.down)):
                if names:
                    say(wrap(f"{word}: {', '.join(one_line(name) for name in names)}", " " * 9))
    if not per_task:
        tell("single tasks of this split are shown with --per-task, and that is noted")
        return
    say()
    lines = comparison.lines if all_tasks else comparison.lines[:MOST_TASKS]
    labels = [standing.arm.label for standing in comparison.standings]
    write_table(
        ["task", *labels], [[line.task, *(_cell(line.means[at], line.scored[at]) for at in labels)] for line in lines]
    )
    if len(lines) < len(comparison.lines):
        tell(f"showing {len(lines)} of {len(comparison.lines):,} tasks; --per-task shows all")
    say()


def _cell(mean: float | None, scored: int) -> str:
    return "-" if mean is None else f"{mean:.2f} of {scored}"


def _changed(first: Standing, standing: Standing) -> str:
    label = f"{first.arm.label} to {standing.arm.label}"
    if first.arm.bundle is None or standing.arm.bundle is None:
        return f"{label}: {words.NO_HARNESS}"
    found = diff(first.arm.bundle, standing.arm.bundle)
    if not found["files"]:
        return f"{label}: the same"
    files = f"{found['files']} file{'' if found['files'] == 1 else 's'}"
    return (
        f"{label}: {files}, +{found['added']} -{found['removed']} lines; --format md, html and json hold the difference"
    )


def show_outlook(outlook: Outlook, *, as_json: bool) -> None:
    """Write what an order takes and can show."""
    order = outlook.order
    if as_json:
        write_json(
            {
                "split": order.split.value,
                "tasks": len(order.ground.tasks(order.split)),
                "attempts": order.attempts,
                "owed": outlook.owed,
                "usd": outlook.usd,
                "seconds": round(outlook.seconds, 1),
                "measured": outlook.measured or None,
                "smallest": outlook.smallest,
                "target": outlook.target,
                "model": order.config.models.task.model,
                "folder": str(order.folder.path),
                "arms": {arm.label: {"name": arm.name, "harness": arm.hash} for arm in order.arms},
            }
        )
        return
    for name, text in _outlook(outlook):
        say(wrap(text, " " * 11).replace(" " * 11, f"{name:<11}", 1))
    say()
    say("Nothing was written or paid. Leave out --dry-run to start.")


def _outlook(outlook: Outlook) -> Iterator[tuple[str, str]]:
    order = outlook.order
    count = len(order.ground.tasks(order.split))
    for arm in order.arms:
        yield arm.label, f"{one_line(arm.name)}{', ' if arm.title else ''}{one_line(arm.title)}"
    yield (
        "on",
        f"{count:,} {words.SPLITS[order.split]} tasks of {order.ground.named}, model {order.config.models.task.model}",
    )
    yield (
        "attempts",
        f"{outlook.owed:,} to make: {order.attempts} of each task in each of {len(order.arms)} arms, side by side",
    )
    basis = f"as run {outlook.measured} took" if outlook.measured else "assumed"
    yield "time", f"about {duration(outlook.seconds)}, {basis}"
    yield "money", _money(outlook, basis)
    yield (
        "finds",
        f"a true difference of {100 * outlook.smallest:.1f} points four times in five (about {about(outlook.target)})",
    )
    yield "kept in", str(order.folder.path)


def _money(outlook: Outlook, basis: str) -> str:
    nominal = (
        "; nominal, nobody is billed for the simulated model" if outlook.order.config.models.task.simulated else ""
    )
    budget = outlook.order.budget_usd
    limit = f"at most ${budget:.2f}" if budget is not None else "no limit set: give --budget-usd"
    if outlook.usd is None:
        return f"unpriced: no price for {outlook.order.config.models.task.model}; {limit}"
    return f"about {money(outlook.usd)}, {basis}; {limit}{nominal}"
