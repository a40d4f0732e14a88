"""A session after a standstill: it starts from another member of the archive, and what was tried since is closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.patch import unified
from traces.errors import UsageError

ALIKE = 0.8
"""From this share of common lines on, two changes are nearly the same."""
_TOUCHED = re.compile(r"^(?:\+\+\+ b|--- a)/(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Closed:
    """Hold a mechanism that is not to be sent again; `diff` is against what its own session started from."""

    candidate: str
    title: str
    diff: str

    @property
    def areas(self) -> str:
        """Name what it touched: files at the top, else the folders below it."""
        return ", ".join(sorted({path.split("/")[0] for path in _TOUCHED.findall(self.diff)})) or "nothing"


@dataclass(frozen=True, slots=True)
class Pivot:
    """Hold a standstill: the champion that a change is tested against, what the session starts from, what is closed.

    `harness` is the champion's.
    """

    champion: str
    start: str
    without_keep: int
    closed: tuple[Closed, ...]
    harness: HarnessBundle

    @property
    def label(self) -> str:
        """Say what the working copy is."""
        return "Champion" if self.start == self.champion else "Working copy"

    def opening(self) -> Iterator[str]:
        """Tell the session about it."""
        elsewhere = f" The working copy is {self.start}, not the champion." if self.start != self.champion else ""
        yield (
            f"Pivot: {self.without_keep} proposals in a row were not kept.{elsewhere} What you submit is tested as a"
            f" whole against the champion {self.champion}, and your prediction is held against the champion's attempts."
        )
        if self.closed:
            yield "Closed, do not send these mechanisms again in other words; nearly the same change is refused:"
            yield from (f"- {each.candidate} {each.title!r} ({each.areas})" for each in self.closed)

    def check(self, start: HarnessBundle, changed: HarnessBundle) -> None:
        """Refuse a change that is nearly one of those that are closed, counted from its start or from the champion.

        Raises:
            UsageError: It is; says which.
        """
        mine, whole = (_lines(unified(before, changed)) for before in (start, self.harness))
        for each in self.closed:
            theirs = _lines(each.diff)
            again = each.candidate != self.start and alike(whole, theirs) >= ALIKE
            if again or alike(mine, theirs) >= ALIKE:
                raise UsageError(
                    f"nearly the same change as {each.candidate} {each.title!r}, which is closed",
                    hint="look for another mechanism",
                )


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Give the share of changed lines that two changes have in common."""
    return len(one & other) / len(one | other) if one | other else 0.0


def _lines(diff: str) -> frozenset[str]:
    """List the added and removed lines, without punctuation, case and white space."""
    changed = (line for line in diff.splitlines() if line[:1] in ("+", "-") and not line.startswith(("+++", "---")))
    squeezed = (line[0] + " ".join(re.findall(r"\w+", line.casefold())) for line in changed)
    return frozenset(line for line in squeezed if len(line) > 1)
