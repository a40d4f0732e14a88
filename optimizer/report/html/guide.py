"""How to read the page, and what its numbers stand on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import NOT_MEASURED, facts_list, section
from optimizer.report.html.reading import Reading

GUIDE: Final = (
    ("certified gain", "Baseline and final champion, both fresh, on sealed test tasks that decided nothing before. The"
     " only number to quote, together with its interval."),
    ("train, held-out, test", "Proposers read train tasks, so train scores flatter. The gate decides on held-out tasks"
     " that no proposer sees. Test tasks are opened once, at the end."),
    ("95% interval", "In 19 of 20 such measurements the true value lies inside. When it reaches across zero, no gain"
     " was shown; that is not the same as no gain."),
    ("keep, reject, undecided, invalid", "Better beyond noise; not shown to be better; money, time or tests ran out;"
     " could not be tried at all. Kept dots are filled, refused hollow, undecided grey."),
    ("coverage", "How many of the planned attempts gave a score. What infrastructure lost is missing, never 0."),
    ("prediction", "Each author says which tasks a change fixes and which it may damage; it is held against train"
     " attempts later."),
    ("level", "The chance of a false keep that one test may take; all tests of a night share one budget of it."),
    ("nominal, unpriced", "Money of a simulated model is counted and never billed. A request without a known price is"
     " in no sum: it is counted beside it."),
)  # fmt: skip


def guide(reading: Reading) -> Element:
    """Explain the words of the page."""
    return section("guide", "How to read this page", facts_list((name, words) for name, words in GUIDE))


def provenance(reading: Reading) -> Element:
    """Name the hashes, versions and seeds the run stands on."""
    return section("provenance", "Provenance", facts_list(_stands_on(reading)))


def _stands_on(reading: Reading) -> Iterator[tuple[str, Child]]:
    facts = reading.facts
    lock = facts.lock
    yield "run", facts.folder.id
    for role, model in lock["models"].items():
        yield f"{role} model", str(model)
    for name in ("version", "sandbox"):
        yield f"Ratchet {name}" if name == "version" else name, str(lock.get(name, NOT_MEASURED))
    for name in ("suite", "splits", "harness", "config"):
        yield f"{name} hash", h("code", str(lock.get(name, NOT_MEASURED)))
    champion = facts.champion
    yield "champion", [f"{champion.id}, harness hash ", h("code", champion.harness)]
    for name, seed in _seeds(reading):
        yield name, seed


def _seeds(reading: Reading) -> Iterator[tuple[str, str]]:
    """Read the seeds from the resolved run file; a page must come about without it too."""
    try:
        config: Any = yaml.safe_load(reading.facts.folder.config.read_text(encoding="utf-8"))  # Any: YAML
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        config = None
    known = config if isinstance(config, dict) else {}
    suite = known.get("suite") if isinstance(known.get("suite"), dict) else {}
    yield "run seed", str(known.get("seed", "not known: run.yaml cannot be read"))
    if isinstance(suite, dict) and "seed" in suite:
        yield "suite", f"{suite.get('kind', '')}, seed {suite['seed']}"
