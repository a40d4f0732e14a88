"""What the agent calls: `./api "name(argument='value')" ...`; without arguments it lists the functions."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOG = HERE / "calls.jsonl"


def main(calls: list[str]) -> None:
    """Bring the world to where the log left it, make the calls, and write them down."""
    sys.path.insert(0, str(HERE))
    from world import World  # type: ignore[import-not-found]  # it lies beside this file in the sandbox

    world = World(HERE)
    turn = int((HERE / "turn").read_text(encoding="utf-8"))
    if not calls:
        for name, method in sorted(world.functions(turn).items()):
            print(f"{name}{inspect.signature(method)}\n    {(inspect.getdoc(method) or '').strip()}\n")
        return
    for line in LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else ():
        world.call(json.loads(line)["call"])
    with LOG.open("a", encoding="utf-8") as log:
        for call in calls:
            print(world.call(call))
            log.write(json.dumps({"turn": turn, "call": call}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
