"""One driver's work on a run: step after step, doing what people ask in between, and waiting outages out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optimizer.control import Control, Interrupted, Request
from optimizer.execute import Driver
from optimizer.loop import ASKED, ASKED_NOW, Await
from optimizer.patience import Patience
from optimizer.review import given
from optimizer.run_folder import RunFolder
from optimizer.stages.bench import Bench
from optimizer.stages.draws import DrainedError, OutageError
from optimizer.telling.progress import Progress

LOOK_EVERY_S = 1.0
"""How often a driver looks whether a person has said a word."""


def waiting_words(candidates: Sequence[str], folder: RunFolder) -> str:
    """Say that nothing but a person's word is left to wait for."""
    *rest, last = candidates
    names = f"{', '.join(rest)} and {last} wait" if rest else f"{last} waits"
    return f"{names} for a person's word, and nothing else is left to do: {folder.command('review')}"


@dataclass(slots=True)
class Shift:
    """Drive a run from its ledger's state to its end.

    `conclude` is called after every step.
    """

    bench: Bench
    control: Control
    patience: Patience
    conclude: Callable[[], object]

    def work(self) -> None:
        """Take steps until the run is finished.

        Raises:
            Interrupted: A person stopped it.
            OutageError: An outage lasted longer than the run's patience.
        """
        driver = Driver(self.bench)
        going = True
        while going:
            self._obey(driver)
            going = self._step(driver)

    def _step(self, driver: Driver) -> bool:
        """Take one step; False when the run is finished."""
        try:
            step = driver.step()
        except DrainedError:
            return True  # whoever asked for that is answered before the next step
        except OutageError as error:
            self._wait_out(error)
            return True
        except KeyboardInterrupt:
            if self._ends_now():
                return True
            raise
        if self.patience.tried:
            self.patience.recovered()
            self.bench.ledger.note("resumed", "the outage is over")
        if step is not None:
            self.conclude()
        if isinstance(step, Await):
            self._await_word(step)
        return step is not None

    def _await_word(self, step: Await) -> None:
        """Wait until a person says a word about a candidate, or asks for something else; that is no working time."""
        bench = self.bench
        text = waiting_words(step.candidates, RunFolder(bench.folder))
        bench.ledger.note("needs attention", text)
        bench.listen(Progress("needs_attention", text, {"candidates": list(step.candidates), "hint": "ratchet review"}))
        while not self._said(step) and not self._asked():
            self.control.wait(LOOK_EVERY_S)
        if not self._said(step) and self._leaves():
            raise Interrupted
        bench.ledger.open_session()
        bench.ledger.note("resumed", "a person said a word")

    def _said(self, step: Await) -> bool:
        return not given(self.bench.folder).keys().isdisjoint(step.candidates)

    def _asked(self) -> bool:
        return self.control.signalled or self.control.look() is not None

    def _leaves(self) -> bool:
        """Say whether what was asked ends the driver; nothing it does while it waits could be lost."""
        asked = self.control.look()
        return self.control.signalled or (asked is not None and asked.verb == "stop" and not asked.certify)

    def _obey(self, driver: Driver) -> None:
        """Carry out what stands: wait, end the night early, or leave."""
        asked = self.control.look()
        if asked is not None and asked.verb == "pause":
            asked = self._hold()
        if self.control.signalled:
            raise Interrupted
        if asked is None:
            return
        if asked.certify:
            self.control.done()
            driver.end(ASKED_NOW if asked.after == "now" else ASKED)
        elif asked.after == "now" or self.patience.tried or driver.between_iterations:
            raise Interrupted

    def _hold(self) -> Request | None:
        """Wait, holding the run's place, until something else is asked; waiting is no working time."""
        bench = self.bench
        bench.ledger.heartbeat()
        bench.ledger.note("paused", "paused by a person")
        bench.listen(Progress("paused", f"paused; {self.control.back} lets it go on", {}))
        asked = self.control.hold()
        bench.ledger.open_session()
        bench.ledger.note("resumed", "a person let it go on")
        return asked

    def _ends_now(self) -> bool:
        """Say whether what was broken off makes way for certifying; a signal stops the run whatever was asked."""
        asked = self.control.look()
        return asked is not None and asked.certify and not self.control.signalled

    def _wait_out(self, error: OutageError) -> None:
        """Say once that the run needs a person, and wait before the stage is tried again."""
        bench, first = self.bench, not self.patience.tried
        wait = self.patience.failed()
        if first or wait is None:
            seconds = None if wait is None else wait.seconds
            text = f"{error.message}; {self._way_out(seconds)}"
            bench.ledger.note("needs attention", text)
            data = {"error": error.message, "hint": error.hint, "retry_in_s": seconds}
            bench.listen(Progress("needs_attention", text, data))
        if wait is None:
            raise error
        bench.ledger.heartbeat()
        if not first:
            text = f"still out of reach after {wait.since_s:.0f} s; try {wait.number} in {wait.seconds:.0f} s"
            bench.listen(Progress("notice", text))
        self.control.wait(wait.seconds)
        if not self.control.draining:
            data = {"try": wait.number, "since_s": round(wait.since_s, 1)}
            bench.listen(Progress("retrying", f"trying again what the outage left pending (try {wait.number})", data))

    def _way_out(self, seconds: float | None) -> str:
        """Say how it goes on, by itself or not."""
        if seconds is None:
            return f"nothing was decided; mend it, then: {self.control.back}"
        return f"nothing is decided; tried again by itself in {seconds:.0f} s"
