"""Runs the sessions of a round side by side, and makes between them the attempts they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping

from optimizer.sessions.session import break_off, run_session
from optimizer.sessions.trying import Desk
from optimizer.stages.bench import Bench

Work = Coroutine[object, object, None]


def conduct(bench: Bench, works: Mapping[int, Work], desk: Desk) -> None:
    """Run sessions by slot until each has ended; one that fails leaves the others to their end.

    Raises:
        OutageError: A session's model is out of reach, or attempts were lost; of the lowest slot where it happened.
    """
    loop = bench.loop.get_loop()
    tasks = {slot: loop.create_task(work) for slot, work in works.items()}
    try:
        run_session(bench, _to_a_halt(tasks, desk))
        while desk.waiting:
            desk.serve()
            run_session(bench, _to_a_halt(tasks, desk))
    except BaseException:
        break_off(bench, tasks.values())
        raise
    for _, task in sorted(tasks.items()):
        task.result()


async def _to_a_halt(tasks: Mapping[int, asyncio.Task[None]], desk: Desk) -> None:
    """Let the sessions work until each has ended or waits for attempts."""
    while at_work := [task for slot, task in tasks.items() if not task.done() and slot not in desk.waiting]:
        asked = asyncio.ensure_future(desk.changed.wait())
        await asyncio.wait([*at_work, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        desk.changed.clear()
