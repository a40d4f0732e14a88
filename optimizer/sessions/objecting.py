"""Has a reviewer look at a proposal before it is accepted: paid once, written down before the author hears of it."""

from __future__ import annotations

from optimizer.ledger import Bill
from optimizer.propose import Objection, Proposal, objection
from optimizer.sessions.session import open_session
from optimizer.stages.bench import Bench
from optimizer.telling.progress import Progress


class Reviewer:
    """Review the proposals of one slot."""

    def __init__(self, bench: Bench, slot: int, parent: str) -> None:
        self._bench = bench
        self._slot = slot
        self._champion = bench.archive.load(parent)

    async def __call__(self, proposal: Proposal) -> str:
        """Give what the author is asked to amend; empty when there is nothing.

        Raises:
            AttemptError: The reviewer's model is out of reach; the slot stays open.
        """
        names = self._bench.config.visibility.reviewer.train == "all"
        message = objection.shown(proposal, self._champion, names=names)
        name = objection.digest(message)
        stored = self._bench.ledger.objections(self._slot).get(name)
        found = Objection.from_record(stored) if stored is not None else await self._ask(message, name)
        return found.text if found.stands else ""

    async def _ask(self, message: str, name: str) -> Objection:
        bench, slot = self._bench, self._slot
        bench.listen(Progress("reviewing", f"slot {slot}: a reviewer reads the proposal", {"slot": slot}))
        session = open_session(bench, f"s{slot:03d}", "reviewer")
        try:
            found = await objection.review(message, session.seat(bench.config.models.roles["reviewer"]))
        finally:
            session.close()
        bill = Bill(found.usage.total, found.cost_usd, found.unpriced_requests)
        bench.ledger.record_objection(slot, name, found.to_record(), bill, settles=session.client.what)
        return found
