"""A meta-agent's session: its own trace, its own opaque token, and a bill that is written as it grows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from optimizer.bench import Bench
from optimizer.ledger import Bill, Ledger
from task_agent.models.base import ModelClient, ModelReply, ModelRequest
from traces.event import AttemptKey, EventKind
from traces.recorder import CountingRecorder, Recorder

_T = TypeVar("_T")


class RunningBill:
    """Pass requests on to `client`, and write down after each what the session has cost.

    What is written stands when the session is killed, interrupted or lost: that money was spent too. Who
    records the session's end settles it, by its name `what`.
    """

    def __init__(self, client: ModelClient, ledger: Ledger, what: str) -> None:
        self.what = what
        self._client = client
        self._ledger = ledger
        self._bill = Bill(cost_usd=None)

    async def create(self, request: ModelRequest) -> ModelReply:
        """Send a request and add its price."""
        reply = await self._client.create(request)
        was, priced = self._bill, reply.cost_usd is not None
        cost_usd = (was.cost_usd or 0.0) + (reply.cost_usd or 0.0) if priced else was.cost_usd
        self._bill = Bill(was.tokens + reply.usage.total, cost_usd, was.unpriced + (not priced), was.turns + 1)
        self._ledger.bill(self.what, self._bill)
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


def open_session(bench: Bench, name: str, role: str, *, seals: bool = True) -> Session:
    """Open the trace of `role`'s session about `name` (a slot or candidate) and derive its token.

    Sessions stand in a split of their own, which no proposer sees. Who opens many at once seals their traces at the
    end (`seals` False): each seal makes a file.
    """
    text = f"{role}\0{name}"
    token = hmac.new(str(bench.config.seed).encode(), text.encode(), hashlib.sha256).hexdigest()
    key = AttemptKey(bench.run, role, name, "proposer", f"{role}/{name}")
    recorder = CountingRecorder(bench.traces.attempt(key))
    recorder.emit(EventKind.ATTEMPT_START, name=role)

    def close() -> None:
        recorder.emit(EventKind.ATTEMPT_END)
        if seals:
            bench.store.add(bench.traces.seal())
        bench.ledger.meet(role, name, recorder.incidents)

    what = f"{role} session {name} that came to nothing ({secrets.token_hex(4)})"
    return Session(RunningBill(bench.clients[role], bench.ledger, what), recorder, token, close)


def run_session(bench: Bench, work: Coroutine[Any, Any, _T]) -> _T:  # Any: never sent to
    """Run a session to its end; one that is broken off has really ended when this raises."""
    try:
        return bench.loop.run(work)
    except KeyboardInterrupt:
        loop = bench.loop.get_loop()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        raise
