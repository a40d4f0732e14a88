"""The certified number, the gate's own records, and how far to trust it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimizer.facts import Facts
from optimizer.report.sampling import sampling_rows
from optimizer.report.text import bullets, inline, percent, points, table
from optimizer.settings.roles import THEN
from optimizer.verdict import Verdict
from optimizer.words import about, ordinal

Record = Mapping[str, Any]  # Any: JSON

FOR_YOU = "For you, not for a proposer."
FOR_YOU_WHY = "These numbers come from held-out tasks; a proposer learns the verdict alone."
GATE_COLUMNS = (
    "test", "candidate", "level", "looks", "runs a task", "difference", "95% interval", "p", "attempts", "ended"
)  # fmt: skip


def certified(facts: Facts) -> str:
    """Lay the certified gain out: interval, level, target, look, coverage."""
    if missing := not_certified(facts):
        return inline(missing)
    (name, gain), *rest = ([name, inline(value)] for name, value in certified_rows(facts))
    return table(["certified gain", "value"], [[name, f"**{gain}**"], *rest])


def not_certified(facts: Facts) -> str:
    """Say why there is no certified gain; empty when there is one."""
    record = facts.certificate
    if record is None:
        return "Nothing is certified yet: the sealed test tasks are scored once, at the end."
    if record.get("difference") is None:
        return (record.get("note") or "Too few attempts on the test tasks were scored to say anything.").capitalize()
    return ""


def certified_rows(facts: Facts) -> list[tuple[str, str]]:
    """List what is known of the certified gain, the gain first; there must be one."""
    record: Record = facts.certificate or {}
    low, high = record.get("interval") or (None, None)
    look = int(record["look"])
    rows = [
        ("gain", f"{points(record['difference'])} points"),
        ("interval", f"{points(low)} to {points(high)} points, two-sided {100 * record['level']:.4g}%"),
        ("about", f"{about(record['target'])} (target: {record['target']})"),
        ("baseline to champion", f"{percent(record['baseline_mean'])} to {percent(record['champion_mean'])}"),
        (
            "test tasks",
            f"{record['tasks']:,} scored{_left_out(record)}, {record['runs']:.3g} attempts of each in each arm",
        ),
        ("coverage", f"{percent(record['coverage'])} of the attempts on these tasks scored"),
        ("look", f"the {ordinal(look)} at these test tasks{_stricter(look)}"),
    ]
    if beside := record.get("out_of_family"):
        told = f"{points(beside['difference'])} points on {beside['tasks']} tasks (not part of the number)"
        rows.append(("tasks of other families", told))
    return [*rows, *sampling_rows(record)]


def _left_out(record: Record) -> str:
    count = len(record.get("excluded") or ())
    return f" ({count} left out for want of scores)" if count else ""


def _stricter(look: int) -> str:
    return "" if look == 1 else "; every further look needs a stricter level"


def gate_records(facts: Facts) -> str:
    """Show the gate's private records, once nothing can be proposed any more."""
    head = f"**{FOR_YOU}** {FOR_YOU_WHY}"
    if missing := no_gate_records(facts):
        return f"{head} {missing}"
    return f"{head}\n\n{table(GATE_COLUMNS, ([inline(cell) for cell in row] for row in gate_rows(facts)))}"


def no_gate_records(facts: Facts) -> str:
    """Say why no gate record is shown; empty when some are."""
    if facts.finish is None:
        return "They are shown when the run is finished."
    return "" if facts.tests else "No candidate came as far as a test."


def gate_rows(facts: Facts) -> list[list[str]]:
    """List the gate's tests with their last looks; for a finished run only."""
    return [_test_row(facts, test) for test in facts.tests]


def _test_row(facts: Facts, test: Record) -> list[str]:
    name = test["candidate"]
    looks = facts.looks.get(name, ())
    verdict = facts.verdicts.get(name)
    head = [str(test["number"]), name, f"{test['level']:.4f}"]
    if not looks:
        return [*head, "0", "", "", "", "", "", verdict.cause if verdict else "open"]
    record = looks[-1].record
    interval = record.get("interval")
    return [
        *head,
        str(len(looks)),
        str(record.get("runs", "")),
        points(record.get("mean")),
        f"{points(interval[0])} to {points(interval[1])}" if interval else "",
        "" if record.get("p") is None else f"{record['p']:.4f}",
        f"{record.get('candidate_attempts', 0):,} + {record.get('champion_attempts', 0):,} champion",
        str(record.get("cause", looks[-1].outcome)),
    ]


def overfitting(facts: Facts) -> str:
    """Hold the train gain against the certified one, and count what reflection found."""
    return bullets(overfitting_lines(facts))


def overfitting_lines(facts: Facts) -> list[str]:
    """Say in sentences what speaks for and against overfitting."""
    lines = [_train_and_certified(facts), *gap_lines(facts), *_reflection_lines(facts)]
    keeps = facts.verdict_counts()[Verdict.KEEP.value]
    looks = sum(len(seen) for seen in facts.looks.values())
    lines.append(f"gate tests at held-out tasks: {len(facts.tests)} with {looks} looks, {keeps} kept")
    lines += [note["text"] for note in facts.notices if note["kind"] == "tampered"]
    over = [note["text"] for note in facts.notices if note["kind"] == "epoch"]
    if over:
        lines += [*over, f"{len(over) + 1} gate epochs: each has an error budget of its own, so their bounds add up"]
    return lines


def _train_and_certified(facts: Facts) -> str:
    """Hold the gain that candidates were chosen by against the certified one."""
    first, last = facts.candidates[0].id, facts.train_champion.id
    before, after = facts.train_score(first), facts.train_score(last)
    certificate = facts.certificate or {}
    gain = certificate.get("difference")
    if first == last:
        return "no change was kept, so there is no train gain to compare with"
    if before is None or after is None or gain is None:
        return "train and certified gain cannot be compared yet"
    high = (certificate.get("interval") or [None, None])[1]
    above = high is not None and after - before > high
    return (
        f"train gain {points(after - before)} points, certified gain {points(gain)}:"
        f" a gap of {points(after - before - gain)}. The train gain lies"
        f" {'ABOVE' if above else 'not above'} the certified interval; some gap is normal, since candidates were"
        " chosen by their train scores"
    )


def _reflection_lines(facts: Facts) -> list[str]:
    """Count what readers and the scan found, and name what nobody judged."""
    leaks = sum(len(record.get("leaks") or ()) for record in facts.judgements.values())
    blocked = sum(bool(record.get("blocked")) for record in facts.judgements.values())
    read = sum(record.get("judgement") is not None for record in facts.judgements.values())
    lines = [
        f"the scan read {len(facts.judgements)} changes and readers {read} of them, blocked {blocked};"
        f" {leaks} findings of copied task text",
        reader_words(facts),
    ]
    unread = [
        name for name, record in facts.judgements.items() if not record.get("blocked") and not record.get("judgement")
    ]
    if unread:
        lines.append(f"no judgement was had for {', '.join(unread)}: only the scan and the gate stood in their way")
    return lines


def gap_lines(facts: Facts) -> list[str]:
    """Hold each tested change's gain on train tasks against its gain on held-out ones; private, so at the end only."""
    if facts.finish is None:
        return []
    lines = []
    for row in facts.changes:
        looks, screened = facts.looks.get(row.id, ()), facts.passed.get(row.id, {}).get("screen", {})
        unseen, train = looks[-1].record.get("mean") if looks else None, screened.get("mean")
        if unseen is not None and train is not None:
            gap = f"a gap of {points(train - unseen)}"
            lines.append(f"{row.id}: {points(train)} points on train, {points(unseen)} on held-out tasks, {gap}")
    return lines


def reader_words(facts: Facts) -> str:
    """Say what is known of the readers' error rates: configured, or not measured in this run."""
    model = str(facts.lock["models"]["reflector"])
    panel = any(map(_is_panel, facts.findings.values()))
    who = "a panel (judge, devil's advocate, referee)" if panel else "one judge"
    if model == "simulated":
        rates = "its rates of detection and false alarm are CONFIGURED"
        return f"{who} of the simulated model reads what the scan lets pass: {rates}"
    return (
        f"{who} of {model} reads what the scan lets pass: its rates of detection and false alarm are unknown until"
        f" `ratchet bench reflect --judge {model.partition(THEN)[0]}{' --panel' * panel}` has measured them"
    )


def _is_panel(findings: Record) -> bool:
    return len(findings) > 1


def limits(facts: Facts) -> str:
    """Say in one paragraph what the number does not show."""
    return inline(limits_text(facts), 2000)


def limits_text(facts: Facts) -> str:
    """Say what the number does not show, as plain text."""
    models = facts.lock["models"]
    record = facts.certificate or {}
    reach = (
        "The certified gain says how the champion does on these very test tasks, not on others."
        if record.get("target") == "benchmark"
        else "The certified gain is about tasks drawn like those of this suite; work of another kind may gain nothing."
    )
    model = "the simulated model" if models["task"] == "simulated" else str(models["task"])
    simulated = " The model is simulated, so no number here is about any real model." if facts.simulated else ""
    return (
        f"{reach} It holds for {model}, at the time it was measured, with these verifiers: it is as good as"
        " they are. The interval covers chance in tasks and attempts, not a provider that changes its model. Train"
        " scores, the staircase and single flipped tasks are for finding out why, never for saying how much."
        f"{simulated}"
    )
