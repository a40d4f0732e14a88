"""Grade the calls of an agent: replayed on fresh objects, they must lead to the state that the right calls lead to.

The published rule: after every turn that has right calls, the agent made a call in it, the states are equal, and the
results of the right calls are among the agent's so far. A turn without right calls is not held against them.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
MOST = 2_000_000


def read_log(path: Path) -> list[tuple[int, str]]:
    """Read the agent's log; a line that is none counts for nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        text = file.read(MOST).decode("utf-8", "replace") if regular else ""
    calls: list[tuple[int, str]] = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            calls.append((int(entry["turn"]), str(entry["call"])))
        except (ValueError, KeyError, TypeError):
            continue
    return calls


def first_wrong_turn(right: list[list[str]], calls: list[tuple[int, str]], until: int) -> int | None:
    """Find the first turn, from 1, that is wrong; None when there is none."""
    from world import World  # type: ignore[import-not-found]  # it lies beside this file in the sandbox

    wanted, given = World(HERE), World(HERE)
    results: Counter[str] = Counter()
    for turn, expected in enumerate(right[:until], 1):
        made = [call for at, call in calls if at == turn]
        results.update(map(given.call, made))
        needed = Counter(map(wanted.call, expected))
        if expected and (not made or not given.is_as(wanted) or needed - results):
            return turn
    return None


def main(log: Path) -> None:
    """Write the reward."""
    sys.path.insert(0, str(HERE))
    truth = json.loads((HERE / "truth.json").read_text(encoding="utf-8"))
    try:
        wrong = first_wrong_turn(truth["calls"], read_log(log), truth["until"])
    except ModuleNotFoundError as problem:
        sys.exit(f"{problem}: name an image that has it under `suite.image`")
    print("every turn is right" if wrong is None else f"turn {wrong} is wrong")
    reward = Path(os.environ.get("LOGS_DIR", "/logs")) / "verifier" / "reward.txt"
    reward.write_text("1\n" if wrong is None else "0\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
