"""A meta-agent's session: its own trace, its own opaque token, and a bill that is written as it grows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from optimizer.ledger import Bill, Ledger
from optimizer.propose.journal import Journal
from optimizer.seat import Seat
from optimizer.settings.roles import Role
from optimizer.stages.bench import Bench
from task_agent.errors import AttemptError
from task_agent.models.base import ModelClient, ModelReply, ModelRequest
from task_agent.models.incident import Incident
from traces.event import AttemptKey, EventKind
from traces.recorder import CountingRecorder, Recorder

_T = TypeVar("_T")


def spent(journal: Journal) -> Bill:
    """Give what a session has cost that keeps its steps there."""
    meter = journal.meter
    return Bill(meter.usage.total, meter.cost_usd, meter.unpriced_requests, meter.turns)


class RunningBill:
    """Pass requests on to `client`, and write down after each what the session has cost.

    What is written stands when the session is killed, interrupted or lost: that money was spent too. Who
    records the session's end settles it, by its name `what`.
    """

    def __init__(self, client: ModelClient, ledger: Ledger, what: str, journal: Journal) -> None:
        self.what = what
        self._client = client
        self._ledger = ledger
        self._journal = journal
        if journal.meter.turns:  # a kill may have come between a reply and its price
            ledger.bill(what, self.bill)

    @property
    def bill(self) -> Bill:
        """Give what the session has cost, from its beginning."""
        return spent(self._journal)

    async def create(self, request: ModelRequest) -> ModelReply:
        """Give the reply that was paid for already, or send a request and add its price."""
        kept = self._journal.reply_to(request)
        for incident in kept.heard:
            request.hear(incident)
        if kept.reply is not None:
            return kept.reply
        reply = await self._ask(request)
        self._ledger.bill(self.what, self.bill)
        return reply

    async def _ask(self, request: ModelRequest) -> ModelReply:
        heard: list[Incident] = []

        def hear(incident: Incident) -> None:
            heard.append(incident)
            request.hear(incident)

        try:
            reply = await self._client.create(replace(request, hear=hear))
        except AttemptError:
            self._journal.keep_reply(request, None, heard)
            raise
        self._journal.keep_reply(request, reply, heard)
        return reply

    async def close(self) -> None:
        """Leave the connection open: it serves further sessions."""


@dataclass(frozen=True, slots=True)
class Session:
    """Hold what a session needs; `close` ends its trace."""

    client: RunningBill
    recorder: Recorder
    token: str
    close: Callable[[], None]

    def seat(self, role: Role) -> Seat:
        """Give a reader that plays `role` its place."""
        return Seat(self.client, role.model, role.effort, self.recorder, self.token)


def open_session(bench: Bench, name: str, role: str, journal: Journal | None = None, *, seals: bool = True) -> Session:
    """Open the trace of `role`'s session about `name` (a slot or candidate) and derive its token.

    Sessions stand in a split of their own, which no proposer sees. What a `journal` kept is not paid again. Who opens
    many at once seals their traces at the end (`seals` False): each seal makes a file.
    """
    kept = journal or Journal()
    text = f"{role}\0{name}"
    token = hmac.new(str(bench.config.seed).encode(), text.encode(), hashlib.sha256).hexdigest()
    key = AttemptKey(bench.run, role, name, "proposer", f"{role}/{name}")
    recorder = CountingRecorder(bench.traces.attempt(key))
    recorder.emit(EventKind.ATTEMPT_START, name=role)

    def close() -> None:
        recorder.emit(EventKind.ATTEMPT_END)
        if seals:
            bench.store.add(bench.traces.seal())
        bench.ledger.meet(role, name, recorder.incidents, whole=journal is not None)

    what = f"{role} session {name} that came to nothing ({kept.mark})"
    return Session(RunningBill(bench.clients[role], bench.ledger, what, kept), recorder, token, close)


def break_off(bench: Bench, tasks: Iterable[asyncio.Task[Any]]) -> None:  # Any: nobody reads the results
    """Cancel tasks of the run's loop, and wait until they have ended."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    bench.loop.get_loop().run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def run_session(bench: Bench, work: Coroutine[Any, Any, _T]) -> _T:  # Any: never sent to
    """Run a session to its end; one that is broken off has really ended when this raises."""
    try:
        return bench.loop.run(work)
    except KeyboardInterrupt:
        break_off(bench, asyncio.all_tasks(bench.loop.get_loop()))
        raise
