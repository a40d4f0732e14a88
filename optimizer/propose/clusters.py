"""Failing attempts sorted by what they have in common; the same attempts give the same clusters, in any order."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from optimizer.propose.digests import Digest
from optimizer.propose.views import TRAIN, AttemptView
from traces.errors import NotFoundError
from traces.segment import TraceDamagedError
from traces.store import TraceStore
from traces.symptoms import Symptom, symptoms

ALIKE: Final = 0.5
"""Causes that share this part of their words, or more, are one."""
EXAMPLES: Final = 4
NOTHING: Final = "nothing is known of how they failed"
_ALSO: Final = 3
_ID_CHARS: Final = 40
_WORD: Final = re.compile(r"[a-z0-9]+")
_FILLER: Final = re.compile(r"an?|and|as|at|by|for|from|in|is|its?|not|of|on|or|that|the|to|was|were|with")


@dataclass(frozen=True, slots=True)
class Failure:
    """Hold what is known of one attempt that did not pass; `digest` is None where no analyst read it."""

    attempt: AttemptView
    symptoms: tuple[Symptom, ...]
    digest: Digest | None = None

    @property
    def cause(self) -> str | None:
        """The cause an analyst named, if one did."""
        return self.digest.cause if self.digest is not None else None

    @property
    def event(self) -> int | None:
        """The event to look at first: where it went wrong, else what shows that it did."""
        if self.digest is not None and self.digest.event is not None:
            return self.digest.event
        return self.symptoms[0].at if self.symptoms else None

    @property
    def where(self) -> str:
        """Name the attempt and the event to look at first."""
        return self.attempt.id if self.event is None else f"{self.attempt.id} at [{self.event}]"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Hold attempts that failed alike.

    `basis` says what put them together: `digest`, or the kind of symptom, the most telling that each has. `also`
    counts other symptoms that at least half of them show.
    """

    id: str
    cause: str
    basis: str
    failures: tuple[Failure, ...]
    also: Mapping[str, int]

    @property
    def tasks(self) -> list[str]:
        """The tasks they are attempts at."""
        return sorted({failure.attempt.task for failure in self.failures})

    @property
    def examples(self) -> list[Failure]:
        """A few of them, of different tasks as far as there are."""
        firsts = {failure.attempt.task: failure for failure in reversed(self.failures)}
        ours = sorted(firsts.values(), key=lambda failure: failure.attempt.id)
        return [*ours, *(failure for failure in self.failures if failure not in ours)][:EXAMPLES]

    @property
    def missing(self) -> int:
        """How many of them are missing: infrastructure took them, and they count for nothing."""
        return sum(failure.attempt.outcome == "missing" for failure in self.failures)

    def to_record(self, *, whole: bool = True) -> dict[str, Any]:  # Any: JSON
        """Give it as JSON; not `whole` names examples instead of every attempt."""
        shown = self.failures if whole else self.examples
        return {
            "cluster": self.id,
            "cause": self.cause,
            "basis": self.basis,
            "attempts": len(self.failures),
            "missing": self.missing,
            "tasks": self.tasks if whole else len(self.tasks),
            "also": dict(self.also),
            ("members" if whole else "examples"): [failure.where for failure in shown],
        }


def failures(store: TraceStore, attempts: Iterable[AttemptView], digests: Mapping[str, Digest]) -> list[Failure]:
    """Look at every attempt that did not pass; one that left no readable trace has its cause alone."""
    failed = sorted((each for each in attempts if each.outcome != "passed"), key=lambda each: each.id)
    traced = frozenset(store.attempts(split=TRAIN)) if failed else frozenset()
    return [
        Failure(
            attempt,
            _symptoms(store.root, attempt.id, attempt.cause) if attempt.id in traced else symptoms((), attempt.cause),
            digests.get(attempt.id),
        )
        for attempt in failed
    ]


@functools.lru_cache(maxsize=20_000)
def _symptoms(root: Path, attempt: str, cause: str | None) -> tuple[Symptom, ...]:
    """Read an attempt that has ended; it never changes, and reports ask for it again and again."""
    try:
        return symptoms(TraceStore(root).read_attempt(attempt), cause)
    except (NotFoundError, TraceDamagedError):
        return symptoms((), cause)


def clusters(found: Sequence[Failure]) -> list[Cluster]:
    """Put each failure into one cluster, the largest first.

    Failures with a digest go by its cause, in whatever words; the others by their most telling symptom.
    """
    causes = _merged(Counter(failure.cause for failure in found if failure.cause))
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in sorted(found, key=lambda each: each.attempt.id):
        groups.setdefault(_key(failure, causes), []).append(failure)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    names = _names([cause for (_, cause), _ in ordered])
    return [
        Cluster(name, cause, basis, tuple(members), _also(members, basis, cause))
        for name, ((basis, cause), members) in zip(names, ordered, strict=True)
    ]


def _key(failure: Failure, causes: Mapping[str, str]) -> tuple[str, str]:
    if failure.cause:
        return "digest", causes[failure.cause]
    if failure.symptoms:
        return failure.symptoms[0].sign, failure.symptoms[0].shape
    return "nothing", NOTHING


def _merged(counts: Mapping[str, int]) -> dict[str, str]:
    """Give each cause the commonest one that says nearly the same."""
    leaders: dict[str, frozenset[str]] = {}
    found: dict[str, str] = {}
    for cause in sorted(counts, key=lambda each: (-counts[each], each)):
        mine = _words(cause)
        leader = next((name for name, words in leaders.items() if _alike(mine, words) >= ALIKE), cause)
        leaders.setdefault(leader, mine)
        found[cause] = leader
    return found


def _words(text: str) -> frozenset[str]:
    words = frozenset(_WORD.findall(text.lower()))
    return frozenset(word for word in words if not _FILLER.fullmatch(word)) or words


def _alike(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def _names(causes: Iterable[str]) -> list[str]:
    """Make a short name of each cause, none twice."""
    names: dict[str, None] = {}
    for cause in causes:
        short = "-".join(_WORD.findall(cause.lower()))[:_ID_CHARS].strip("-") or "unnamed"
        tries = (short, *(f"{short}-{number}" for number in range(2, len(names) + 3)))
        names[next(name for name in tries if name not in names)] = None
    return list(names)


def _also(members: Sequence[Failure], basis: str, cause: str) -> dict[str, int]:
    shown = Counter(
        f"{each.sign}: {each.shape}"
        for member in members
        for each in member.symptoms
        if (each.sign, each.shape) != (basis, cause)
    )
    common = sorted((item for item in shown.items() if 2 * item[1] >= len(members)), key=lambda i: (-i[1], i[0]))
    return dict(common[:_ALSO])
