"""Has a change read before anything is measured: by the scan, then by one judge or by a panel of three."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.task import Split
from optimizer.ledger import Bill
from optimizer.reflect import Judgement, advocate, decisive, judge, referee, reflect
from optimizer.seat import Seat
from optimizer.sessions.session import open_session, run_session
from optimizer.stages.bench import Bench
from optimizer.stages.draws import OutageError
from optimizer.stages.verdicts import decide
from optimizer.telling.progress import Progress
from task_agent.errors import AttemptError

PANEL = ("judge", "advocate", "referee")


def reflect_on(bench: Bench, candidate: str, parent: str) -> None:
    """Scan the added text for leaks and have readers in fresh contexts look at the diff.

    What a reader found is written down at once and never paid again, whatever stops the others.

    Raises:
        OutageError: A reader cannot be asked; its stage stays pending.
    """
    stored = bench.ledger.judgement(candidate)
    if stored is None:
        before, after = bench.archive.load(parent), bench.archive.load(candidate)
        try:
            found = run_session(bench, reflect(before, after, bench.corpus, _Readers(bench, candidate).ask))
        except AttemptError as error:
            hint = f"ratchet resume {bench.run}"
            raise OutageError(f"the reflector's model is out of reach: {error}", hint=hint) from error
        stored = found.to_record()
        bench.ledger.record_judgement(candidate, stored, Bill())
    if stored["blocked"]:
        decide(bench, candidate, str(stored["cause"]), stored, public=str(stored["public_reason"]))
    else:
        bench.ledger.conclude_stage(candidate, "reflect", {"judged": stored["judgement"] is not None})


class _Readers:
    """Seat the readers of one candidate, one after the other."""

    def __init__(self, bench: Bench, candidate: str) -> None:
        self._bench = bench
        self._candidate = candidate
        shown = bench.config.visibility.reflector.train == "all"
        self._tasks = [task.instruction for task in bench.tasks(Split.TRAIN)] if shown else []

    async def ask(self, diff: str) -> Judgement:
        """Have the change read; the finding that counts."""
        bench, candidate, tasks = self._bench, self._candidate, self._tasks
        said = "a judge reads its diff" if bench.config.reflection.by == "judge" else "a panel of three reads its diff"
        bench.listen(Progress("reflecting", f"{candidate}: {said}", {"candidate": candidate}))
        found = [await self._heard("judge", lambda seat: judge(diff, tasks, seat))]
        if bench.config.reflection.by == "panel":
            found.append(await self._heard("advocate", lambda seat: advocate(diff, tasks, found[0], seat)))
            found.append(await self._heard("referee", lambda seat: referee(diff, tasks, found, seat)))
        return decisive(found)

    async def _heard(self, role: str, read: Callable[[Seat], Awaitable[Judgement]]) -> Judgement:
        """Give a reader's finding: the stored one, else a new one, stored before anybody acts on it."""
        bench, candidate = self._bench, self._candidate
        stored = bench.ledger.judgement(candidate, role)
        if stored is not None:
            return Judgement.from_record(stored)
        session = open_session(bench, candidate if role == "judge" else f"{candidate}/{role}", "reflector")
        try:
            found = await read(session.seat(bench.config.models.reflector))
            bill = Bill(found.usage.total, found.cost_usd, found.unpriced_requests)
            bench.ledger.record_judgement(candidate, found.to_record(), bill, role=role, settles=session.client.what)
        finally:
            session.close()
        return found
