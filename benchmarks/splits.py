"""Which tasks the proposer may read, which only the gate sees, and which stay sealed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from benchmarks.errors import SuiteError
from benchmarks.task import Split, Task

FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.28, "heldout": 0.50, "test": 0.22})
SMALL = 60
"""Below this many tasks fixed sizes replace fractions: test 15, train 12 to 15, the rest held out."""
SMALL_TEST = 15
NAMES = tuple(str(split) for split in Split)


class SplitError(SuiteError):
    """Say that the tasks cannot be split as asked."""


@dataclass(frozen=True, slots=True)
class Splits:
    """Hold task ids by split, each sorted.

    `reserve` are tasks in no split, kept for a later gate epoch, and `retired` those that the gate of an earlier
    epoch has used up: they are never held out again. `out_of_family` are those of `test` whose family occurs
    nowhere else: reported beside the main number, not in it.
    """

    seed: int
    train: tuple[str, ...]
    heldout: tuple[str, ...]
    test: tuple[str, ...]
    reserve: tuple[str, ...] = ()
    out_of_family: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Give the content hash (sha256 hex) of who is where; the seed is not part of it."""
        return hashlib.sha256(json.dumps(self._lists(), sort_keys=True).encode()).hexdigest()

    @property
    def certified(self) -> tuple[str, ...]:
        """Give the test tasks the main number is about."""
        return tuple(task for task in self.test if task not in set(self.out_of_family))

    def of(self, split: str) -> tuple[str, ...]:
        """Give the task ids of a split by its name."""
        return {"train": self.train, "heldout": self.heldout, "test": self.test}[str(split)]

    def to_record(self) -> dict[str, object]:
        """Give a plain JSON form."""
        return {"seed": self.seed, **self._lists()}

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Splits:
        """Read the plain JSON form back.

        Raises:
            SplitError: The record is not one of a split.
        """
        try:
            seed = record["seed"]
            lists = {name: _strings(record[name]) for name in (*NAMES, "reserve", "out_of_family")}
            lists["retired"] = _strings(record.get("retired", []))
        except KeyError as error:
            raise SplitError(f"a recorded split lacks {error.args[0]!r}") from error
        if not isinstance(seed, int):
            raise SplitError("a recorded split's seed is not a whole number")
        return cls(seed=seed, **lists)

    def rotated(self, tasks: Sequence[Task]) -> Splits:
        """Hold out as many tasks of the reserve, or all it has, and retire those that were held out.

        Train and test stay what they are; what was seen is never held out.

        Args:
            tasks: The suite's tasks.

        Raises:
            SplitError: There is no reserve.
        """
        kept = [task for task in tasks if task.id in set(self.reserve)]
        if not kept:
            raise SplitError("no task is left in reserve", hint="sizes that add up to less than the suite leave one")
        count = min(len(self.heldout), len(kept))
        dealt = _deal(_units(kept, self.seed), {"heldout": count, "reserve": len(kept) - count})
        return replace(
            self,
            heldout=tuple(sorted(dealt["heldout"])),
            reserve=tuple(sorted(dealt["reserve"])),
            retired=tuple(sorted({*self.retired, *self.heldout})),
        )

    def _lists(self) -> dict[str, list[str]]:
        lists = {
            "train": list(self.train),
            "heldout": list(self.heldout),
            "test": list(self.test),
            "reserve": list(self.reserve),
            "out_of_family": list(self.out_of_family),
        }
        return {**lists, "retired": list(self.retired)} if self.retired else lists


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SplitError("a recorded split holds something that is not a list of task ids")
    return tuple(value)


def make_splits(
    tasks: Sequence[Task],
    *,
    seed: int,
    fractions: Mapping[str, float] | None = None,
    sizes: Mapping[str, int] | None = None,
    out_of_family: Collection[str] = (),
) -> Splits:
    """Split tasks by a hash of task id and seed, evenly over categories, near-copies together.

    Tasks whose metadata say `out_of_family`, or whose category is named so, go to `test` on top of
    the sizes. Without `fractions` and `sizes`, fewer than 60 tasks get fixed sizes. Sizes are exact
    unless a cluster stands in the way, then off by less than the largest cluster.

    Args:
        tasks: All tasks of the suite.
        seed: Chooses one of many equally good splits.
        fractions: Shares of train, heldout and test; what is left of 1 becomes the reserve.
        sizes: Exact numbers for some or all splits; the others share the rest by `fractions`, and
            when all three are given the rest becomes the reserve.
        out_of_family: Categories to keep for the test split only.

    Raises:
        SplitError: Ids repeat, a name or number makes no sense, or a split would stay empty.
    """
    if len({task.id for task in tasks}) != len(tasks):
        raise SplitError("two tasks have the same id")
    apart = [task for task in tasks if _is_apart(task, out_of_family)]
    inside = [task for task in tasks if not _is_apart(task, out_of_family)]
    wanted = _wanted(len(inside), fractions, sizes, apart=len(apart))
    dealt = _deal(_units(inside, seed), wanted)
    if empty := [name for name in NAMES if not dealt[name]]:
        raise SplitError(
            f"{len(tasks)} tasks leave nothing for {' and '.join(empty)}",
            hint="add tasks, or give `sizes` for train, heldout and test",
        )
    extra = {task.id for task in apart}
    return Splits(
        seed=seed,
        train=tuple(sorted(dealt["train"])),
        heldout=tuple(sorted(dealt["heldout"])),
        test=tuple(sorted({*dealt["test"], *extra})),
        reserve=tuple(sorted(dealt["reserve"])),
        out_of_family=tuple(sorted(extra)),
    )


def _is_apart(task: Task, categories: Collection[str]) -> bool:
    return bool(task.metadata.get("out_of_family")) or task.category in categories


def _wanted(
    count: int, fractions: Mapping[str, float] | None, sizes: Mapping[str, int] | None, *, apart: int
) -> dict[str, int]:
    """Settle how many tasks each split gets, the reserve included."""
    _check_names(fractions, sizes)
    if sizes is None and fractions is None and count < SMALL:
        train = min(15, max(12, count // 4))
        fixed = {"train": train, "test": SMALL_TEST, "heldout": max(count - train - SMALL_TEST, 0)}
        return {**fixed, "reserve": max(count - sum(fixed.values()), 0)}
    fixed = dict(sizes or {})
    shares = {name: share for name, share in (fractions or FRACTIONS).items() if name not in fixed}
    left = count - sum(fixed.values())
    if left < 0:
        beside = f"; {apart} more, out of family, go to `test` on top of its size, and to no other split"
        more = beside if apart else ""
        why = f"{sum(fixed.values())} tasks asked for, {count} there are{more}"
        raise SplitError(why, hint="ask for fewer tasks per split")
    if fractions is None or fixed:
        whole = sum(shares.values())
        shares = {name: share / whole for name, share in shares.items()} if whole else {}
    fixed |= _rounded(shares, left)
    return {**{name: fixed.get(name, 0) for name in NAMES}, "reserve": count - sum(fixed.values())}


def _check_names(fractions: Mapping[str, float] | None, sizes: Mapping[str, int] | None) -> None:
    for given in (fractions, sizes):
        if given is not None and (strange := sorted(set(given) - set(NAMES))):
            raise SplitError(f"no split is called {strange[0]!r}", hint=f"use {', '.join(NAMES)}")
    if any(size < 1 for size in (sizes or {}).values()):
        raise SplitError("every split size must be at least 1")
    shares = list((fractions or {}).values())
    if any(share <= 0 for share in shares) or sum(shares) > 1 + 1e-9:
        raise SplitError("split fractions must be above 0 and add up to at most 1")


def _rounded(shares: Mapping[str, float], count: int) -> dict[str, int]:
    """Turn shares into whole numbers by largest remainder."""
    exact = {name: share * count for name, share in shares.items()}
    whole = {name: int(size + 1e-9) for name, size in exact.items()}
    spare = round(sum(exact.values())) - sum(whole.values())
    for name in sorted(exact, key=lambda name: (whole[name] - exact[name], name))[: max(spare, 0)]:
        whole[name] += 1
    return whole


@dataclass(frozen=True, slots=True)
class _Unit:
    stratum: str
    order: str
    tasks: tuple[str, ...]


def _units(tasks: Sequence[Task], seed: int) -> list[_Unit]:
    """Group near-copies, and order units by category, then by hash."""
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in sorted(tasks, key=lambda task: task.id):
        key = ("task", task.id) if task.cluster is None else ("cluster", task.cluster)
        groups.setdefault(key, []).append(task)
    units = [
        _Unit(
            stratum=members[0].category,
            order=hashlib.sha256(f"{seed}\0{members[0].id}".encode()).hexdigest(),
            tasks=tuple(task.id for task in members),
        )
        for members in groups.values()
    ]
    return sorted(units, key=lambda unit: (unit.stratum, unit.order))


def _deal(units: Sequence[_Unit], wanted: Mapping[str, int]) -> dict[str, list[str]]:
    """Give each unit to the split that lags most behind its share, so that every category is spread evenly."""
    count = sum(wanted.values())
    dealt: dict[str, list[str]] = {name: [] for name in wanted}
    passed = 0
    for unit in units:
        passed += len(unit.tasks)
        open_splits = [name for name in wanted if len(dealt[name]) < wanted[name]] or list(wanted)
        lag = {name: wanted[name] * passed / count - len(dealt[name]) for name in open_splits}
        dealt[max(lag, key=lambda name: (lag[name], name))].extend(unit.tasks)
    return dealt
