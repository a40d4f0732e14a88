"""The top of the page: the run, its verdict sentence, the numbers that matter, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from optimizer.report.html.chart.intervals import Row, intervals
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import NOT_MEASURED, facts_list, section
from optimizer.report.html.reading import Reading
from optimizer.report.numbers import certified_rows, not_certified
from optimizer.report.text import percent, points
from optimizer.verdict import Verdict
from optimizer.words import SIMULATED_BANNER, about, duration, money, next_commands, verdict_sentence

REFUSED: Final = {Verdict.REJECT.value: "refused"}


def top(reading: Reading) -> Element:
    """Name the run, how it stands, and offer the theme switch."""
    return h(
        "header",
        h("h1", "Ratchet: run ", h("span", reading.facts.folder.id, class_="mono")),
        h("span", _standing(reading), class_="state"),
        h("button", "Theme: system", id="theme", type="button", data_js=True, hidden=True),
        class_="top",
    )


def _standing(reading: Reading) -> list[Child]:
    facts = reading.facts
    reason = f" ({facts.finish['reason']})" if facts.finish else ""
    begun, now = (datetime.fromtimestamp(at, UTC) for at in (facts.created_at, reading.now))
    when = "" if facts.finish else " when this page was written"
    return [
        h("b", f"{facts.phase}{reason}"),
        f"{when}, {now:%Y-%m-%d %H:%M} UTC" if when else "",
        f"; begun {begun:%Y-%m-%d %H:%M} UTC, at work for {duration(facts.state.elapsed_s)};"
        f" champion {facts.champion.id}",
    ]


def verdict(reading: Reading) -> list[Child]:
    """Say first whose numbers these are, then what the night's number is."""
    facts = reading.facts
    banner = h("p", SIMULATED_BANNER, class_="banner", role="note") if facts.simulated else None
    sentence = verdict_sentence(facts)
    short, colon, rest = sentence.partition(" on ") if facts.certificate else (sentence, "", "")
    small = h("small", f"{colon.strip()} {rest}.") if rest else None
    return [
        banner,
        _attention(reading),
        h("p", f"{short[:1].upper()}{short[1:]}{' ' if rest else '.'}", small, class_="verdict"),
    ]


def _attention(reading: Reading) -> Element | None:
    """Say what the run waits for a person for; what a provider answered may stand in it."""
    text = reading.facts.attention
    return h("p", h("b", "Needs attention: "), reading.words(text), class_="banner", role="alert") if text else None


def cards(reading: Reading) -> Element:
    """Show the few numbers a person looks for first; what is not known says so."""
    return h("dl", [_card(*card) for card in _cards(reading)], class_="cards")


def _card(name: str, big: str, small: str) -> Element:
    return h("div", h("dt", name), h("dd", big, class_="big"), h("dd", small, class_="small"))


def _cards(reading: Reading) -> Iterator[tuple[str, str, str]]:
    facts = reading.facts
    record = facts.certificate or {}
    low, high = record.get("interval") or (None, None)
    if record.get("difference") is None:
        yield "certified gain", NOT_MEASURED, not_certified(facts)
        yield "before and after", NOT_MEASURED, "on sealed test tasks"
    else:
        level = f"{100 * record['level']:.4g}% interval"
        small = "interval unknown" if low is None else f"points; {level} {points(low)} to {points(high)}"
        yield "certified gain", points(record["difference"]), small
        told = f"{record['tasks']} sealed test tasks, coverage {percent(record['coverage'])}"
        yield "before and after", f"{percent(record['baseline_mean'])} → {percent(record['champion_mean'])}", told
    counts = facts.verdict_counts()
    others = [f"{n} {REFUSED.get(name, name)}" for name, n in counts.items() if n and name != Verdict.KEEP.value]
    open_ones = len(facts.changes) - sum(counts.values())
    others += [f"{n} {word}" for n, word in ((open_ones, "open"), (_empty(reading), "without a proposal")) if n]
    yield "changes kept", f"{counts[Verdict.KEEP.value]} of {len(facts.slots)}", ", ".join(others) or "none refused"
    spend = facts.state.spend
    bill = "nominal: nobody is billed" if facts.simulated else f"{spend.tokens:,} tokens"
    yield "spend", money(spend.usd, unpriced=spend.unpriced_requests), bill
    covered = facts.coverage()
    yield "attempts", f"{covered.planned:,}", f"{covered} in {duration(facts.state.elapsed_s)}"


def _empty(reading: Reading) -> int:
    return sum(slot["candidate"] is None for slot in reading.facts.slots)


def gain(reading: Reading) -> Element:
    """Lay the certified gain out beside the train gain."""
    facts = reading.facts
    if missing := not_certified(facts):
        return section("gain", "Certified gain", h("p", missing))
    return section(
        "gain",
        "Certified gain",
        h(
            "figure",
            intervals([*_gains(reading)]),
            h(
                "figcaption",
                "Points gained by the champion over the baseline. Only the filled dot counts: sealed test tasks, scored"
                " once, both harnesses fresh. Grey dots are there to compare with; train tasks flatter.",
            ),
        ),
        facts_list(certified_rows(facts)),
    )


def _gains(reading: Reading) -> Iterator[Row]:
    facts = reading.facts
    record = facts.certificate or {}
    low, high = record.get("interval") or (None, None)
    yield Row("certified", f"sealed test, {about(record['target'])}", record["difference"], low, high, "keep")
    if beside := record.get("out_of_family"):
        ends = beside.get("lower"), beside.get("upper")
        note = f"{beside['tasks']} tasks, not part of the number"
        if beside.get("difference") is not None:
            yield Row("other families", note, beside["difference"], *ends, "open")
    before, after = facts.train_score(facts.candidates[0].id), facts.train_score(facts.train_champion.id)
    if before is not None and after is not None:
        yield Row("train", "seen by proposers", after - before, None, None, "open")


def next_steps(reading: Reading) -> Element:
    """Name the commands a person most likely wants now."""
    lines = [
        h("div", h("code", reading.command(each.command)), h("span", each.purpose, class_="small"))
        for each in next_commands(reading.facts)
        if not each.command.startswith("ratchet report ")  # the reader holds it in their hands
    ]
    return h("section", h("h2", "Next"), lines, class_="commands", id="next")
