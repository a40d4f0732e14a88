"""The report as Markdown."""

from __future__ import annotations

from optimizer.facts import Facts
from optimizer.report.accounts import failures, notices, spend, standing
from optimizer.report.changes import changes, foresight, refusals
from optimizer.report.climb import flips, score_over_iterations
from optimizer.report.failures import failure_table
from optimizer.report.incidents import incidents
from optimizer.report.numbers import certified, gate_records, limits, overfitting
from optimizer.report.preflight import preflight
from optimizer.report.pruning import pruning
from optimizer.words import SIMULATED_BANNER, next_commands, verdict_sentence

SECTIONS = (
    ("Certified gain", certified),
    ("Score over iterations", score_over_iterations),
    ("Changes tried", changes),
    ("What proposers foresaw", foresight),
    ("Refused, and why", refusals),
    ("Taken out again", pruning),
    ("Train tasks that flipped", flips),
    ("Preflight: what this night could find", preflight),
    ("Gate records of held-out tasks", gate_records),
    ("Signs of overfitting", overfitting),
    ("Attempts, coverage and spend", spend),
    ("Failures", failures),
    ("Failing train attempts, by what they have in common", failure_table),
    ("What model calls met", incidents),
    ("Notices", notices),
    ("Limits of this number", limits),
)


def render(facts: Facts) -> str:
    """Write the report's text."""
    banner = "\n".join(f"> {line}" for line in SIMULATED_BANNER.splitlines())
    sentence = verdict_sentence(facts)
    parts = [
        f"# Run {facts.folder.id}",
        *([banner] if facts.simulated else []),
        f"**{sentence[:1].upper()}{sentence[1:]}.**",
        standing(facts),
    ]
    for title, section in SECTIONS:
        parts += [f"## {title}", section(facts)]
    commands = "\n".join(f"{each.command}  # {each.purpose}" for each in next_commands(facts))
    parts += ["## Next", f"```console\n{commands}\n```"]
    return "\n\n".join(parts) + "\n"
