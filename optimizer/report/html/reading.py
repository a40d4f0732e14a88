"""One reading of a run as the page may show it: cut to size, and without other people's words where that was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from optimizer.candidates import Archive
from optimizer.facts import Facts
from optimizer.ledger import CandidateRow
from optimizer.ledger.tallies import HeldOut
from optimizer.run_folder import RunFolder
from task_agent.harness import unified
from traces.errors import RatchetError

LEFT_OUT: Final = "(left out)"
NAME_CHARS: Final = 120
LONGEST_DIFF: Final = 60_000


@dataclass(frozen=True, slots=True)
class Caps:
    """Bound what one page shows; whatever is cut says so and names the command that shows it all."""

    rows: int = 120
    columns: int = 60
    diff_lines: int = 120
    diff_chars: int = 6_000
    all_diffs: int = 250_000
    words: int = 1_500
    quotes: int = 5
    listed: int = 40

    def tighter(self) -> Caps:
        """Halve what takes most room."""
        return Caps(
            self.rows // 2, self.columns // 2, self.diff_lines // 2, self.diff_chars // 2, self.all_diffs // 3,
            self.words // 2, self.quotes // 2 + 1, self.listed // 2,
        )  # fmt: skip


@dataclass
class Reading:
    """Hold what the sections of a page are made from.

    `now` is the time of writing, Unix seconds. `held_out` is empty until nothing can be proposed any more.
    """

    facts: Facts
    now: float
    held_out: Mapping[str, HeldOut]
    redacted: bool = False
    caps: Caps = field(default_factory=Caps)
    _tasks: dict[str, str] = field(default_factory=dict)

    def words(self, text: str, limit: int | None = None) -> str:
        """Give text that an agent or a task wrote, cut to size."""
        if self.redacted:
            return LEFT_OUT
        limit = self.caps.words if limit is None else min(limit, self.caps.words)
        return text if len(text) <= limit else f"{text[:limit]} ... ({len(text) - limit:,} more characters)"

    def title(self, row: CandidateRow, limit: int = 160) -> str:
        """Give a candidate's title on one line."""
        if self.redacted:
            return row.id if row.slot else "baseline"
        limit = min(limit, self.caps.words + 3)
        line = " ".join(row.title.split())
        return line if len(line) <= limit else f"{line[: limit - 3]}..."

    def task(self, name: str) -> str:
        """Give a task's name, or its number in a redacted page."""
        if not self.redacted:
            return self.words(name, NAME_CHARS)
        return self._tasks.setdefault(name, f"task {len(self._tasks) + 1}")

    def command(self, line: str) -> str:
        """Give a command; a redacted page leaves out where the runs are kept."""
        return line.partition(" --runs-dir ")[0] if self.redacted else line

    def kind(self, row: CandidateRow) -> str:
        """Name a candidate's verdict, `open`, or `baseline`."""
        verdict = self.facts.verdicts.get(row.id)
        return "baseline" if row.slot == 0 else verdict.verdict.value if verdict else "open"

    def diff(self, row: CandidateRow) -> str | None:
        """Give a candidate's change as a unified diff; None when its files, or its parent's, cannot be read."""
        if row.parent is None:
            return None
        try:
            return _diff(self.facts.folder.path, row.parent, row.id, row.harness)
        except (OSError, RatchetError):
            return None


@lru_cache(maxsize=4096)
def _diff(run: Path, parent: str, candidate: str, harness: str) -> str:
    """Read a change once: harnesses never change, and a page is written after every verdict of a night."""
    archive = _archive(run)
    return unified(archive.load(parent), archive.load(candidate))[:LONGEST_DIFF]


@lru_cache(maxsize=4)
def _archive(run: Path) -> Archive:
    return Archive(RunFolder(run).candidates)
