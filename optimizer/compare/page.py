"""A comparison as one page, in the dress of the report: without network, to be sent to somebody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from optimizer.compare import words
from optimizer.compare.comparison import MEASURES, Against, Comparison, Standing
from optimizer.compare.markdown import cell, title
from optimizer.report.html.chart.intervals import Row, intervals
from optimizer.report.html.diffs import coloured, counts
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import bullet_list, facts_list, grid, section
from optimizer.report.html.shell import document
from optimizer.report.text import percent, points
from optimizer.words import about, money
from task_agent.harness import unified

MARK: Final = "comparison"
MOST_DIFF_LINES: Final = 400
OPEN_BELOW: Final = 80
MOST_LINE_CHARS: Final = 2_000
MOST_TASKS: Final = 500
KINDS: Final = {"this": "keep", "first": "reject", "undecided": "undecided"}
LINKS: Final = (
    ("difference", "Difference"),
    ("use", "Use"),
    ("tasks", "Tasks"),
    ("doubts", "Doubts"),
    ("diffs", "Harnesses"),
)


def page(comparison: Comparison, *, per_task: bool) -> str:
    """Write the page; single tasks only where they may be shown."""
    main = h(
        "main",
        _banner(comparison),
        _verdicts(comparison),
        _cards(comparison),
        _difference(comparison),
        _use(comparison),
        _tasks(comparison, per_task=per_task),
        section("doubts", "Before you believe it", bullet_list(words.cautions(comparison) or ["nothing particular"])),
        _diffs(comparison),
        h("footer", "Written by Ratchet from the ledgers of the attempts named above. This page loads nothing."),
    )
    return document(title(comparison), _top(comparison), _navigation(), main, mark=MARK)


def _top(comparison: Comparison) -> Element:
    ground = comparison.ground
    model = ground.config.models.task.model
    state = f"{words.SPLITS[comparison.split]} tasks of {ground.named}; model {model}; {about(comparison.target)}"
    return h(
        "header",
        h("h1", "Ratchet: comparison"),
        h("span", state, class_="state"),
        h("button", "Theme: system", id="theme", type="button", data_js=True, hidden=True),
        class_="top",
    )


def _navigation() -> Element:
    return h("nav", h("ul", [h("li", h("a", name, href=f"#{at}")) for at, name in LINKS]), aria_label="sections")


def _banner(comparison: Comparison) -> list[Child]:
    told = (f"FORCED although not the same tasks: {each}" for each in comparison.ground.forced)
    forced = [h("p", each, class_="banner") for each in told]
    simulated = h("p", words.SIMULATED, class_="banner", role="note") if comparison.simulated else None
    return [simulated, forced]


def _verdicts(comparison: Comparison) -> list[Child]:
    first = comparison.first.arm.label
    return [_verdict(comparison, against, first) for against in comparison.against]


def _verdict(comparison: Comparison, against: Against, first: str) -> Element:
    said = words.verdict(against, first)
    pair = f"{against.label} - {first}: {words.number(comparison, against)}"
    limit = words.limit(comparison, against)
    small = h("small", f"{pair}. {limit[:1].upper()}{limit[1:]}{'.' if limit else ''}")
    return h("p", f"{said[:1].upper()}{said[1:]} ", small, class_="verdict")


def _cards(comparison: Comparison) -> Element:
    return h("dl", [_card(standing) for standing in comparison.standings], class_="cards")


def _card(standing: Standing) -> Element:
    name = f"{standing.arm.label}: {standing.arm.name}"
    score, rests = percent(standing.score), _scored(standing)
    return h("div", h("dt", name), h("dd", score, class_="big"), h("dd", rests, class_="small"))


def _scored(standing: Standing) -> str:
    paid = money(standing.usd, unpriced=standing.unpriced)
    return f"{standing.scored:,} of {standing.planned:,} scored, {paid}"


def _difference(comparison: Comparison) -> Element:
    rows = [_interval(comparison, against) for against in comparison.against if against.contrast.difference is not None]
    first = comparison.first.arm.label
    caption = f"Points gained over {first}, with {100 * comparison.level:.4g}% intervals. {words.method(comparison)}"
    return section(
        "difference",
        f"Difference from {first}",
        h("figure", intervals(rows), h("figcaption", caption.strip())) if rows else h("p", "Nothing can be estimated."),
        facts_list(
            [
                *((standing.arm.label, _who(standing)) for standing in comparison.standings),
                ("rests on", words.rests_on(comparison)),
            ]
        ),
    )


def _who(standing: Standing) -> str:
    arm = standing.arm
    told = f" ({arm.title})" if arm.title else ""
    return f"{arm.name}{told}, {'agent' if arm.imported else 'harness'} {arm.hash[:16]}"


def _interval(comparison: Comparison, against: Against) -> Row:
    found = against.contrast
    note = f"{points(found.lower)} to {points(found.upper)}"
    name = next(standing.arm.name for standing in comparison.standings if standing.arm.label == against.label)
    label = f"{against.label}: {name}"
    return Row(label, note, found.difference or 0.0, found.lower, found.upper, KINDS[against.verdict])


def _use(comparison: Comparison) -> Element:
    columns = ["arm", *(words.USES[name] for name in MEASURES)]
    first = comparison.first.arm.label
    rows: list[list[Child]] = [[first, *(words.amount(n, comparison.against[0].uses[n].first) for n in MEASURES)]]
    for against in comparison.against:
        rows.append([against.label, *(words.amount(n, against.uses[n].second) for n in MEASURES)])
        rows.append([f"{against.label} / {first}", *(words.ratio(against.uses[n]) for n in MEASURES)])
    note = (
        "Means of an attempt over the tasks that both arms tell of. Ratios are geometric means over tasks, each with a"
        " 95% interval of its own."
    )
    return section("use", "What an attempt uses", grid(columns, rows), h("p", note, class_="note"))


def _tasks(comparison: Comparison, *, per_task: bool) -> Element:
    counted = bullet_list(f"{against.label}: {words.flips(against)}" for against in comparison.against)
    if not per_task:
        told = "Single tasks of this split are left out: --per-task shows them, and that is noted."
        hidden = h("p", told, class_="note")
        return section("tasks", "Tasks", counted, hidden)
    labels = [standing.arm.label for standing in comparison.standings]
    lines = comparison.lines[:MOST_TASKS]
    rows = [[line.task, *(cell(line.means[at], line.scored[at]) for at in labels)] for line in lines]
    left = len(comparison.lines) - len(lines)
    more = h("p", f"{left:,} more tasks; --format csv --per-task holds all.", class_="note") if left else None
    note = h("p", "A task's mean reward, and of how many scored attempts.", class_="note")
    return section("tasks", "Tasks", counted, grid(["task", *labels], rows), note, more)


def _diffs(comparison: Comparison) -> Element:
    first = comparison.first
    return section("diffs", "Harnesses", [_diff(first, standing) for standing in comparison.standings[1:]])


def _diff(first: Standing, standing: Standing) -> Element:
    pair = f"{first.arm.label} to {standing.arm.label}"
    if first.arm.bundle is None or standing.arm.bundle is None:
        return h("p", f"{pair}: {words.NO_HARNESS}.")
    lines = unified(first.arm.bundle, standing.arm.bundle).splitlines()
    if not lines:
        return h("p", f"{pair}: the same files.")
    return h(
        "details",
        h("summary", f"{pair}: {counts(lines)}"),
        h("pre", [*coloured([line[:MOST_LINE_CHARS] for line in lines[:MOST_DIFF_LINES]])], class_="diff"),
        [*_more(lines)],
        open=len(lines) <= OPEN_BELOW,
    )


def _more(lines: Sequence[str]) -> Iterator[Element]:
    if len(lines) > MOST_DIFF_LINES:
        yield h("p", f"{len(lines) - MOST_DIFF_LINES:,} more lines; --json holds them.", class_="note")
