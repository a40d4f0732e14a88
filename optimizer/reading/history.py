"""The night as a git repository: `candidates.git`, a commit per decided candidate, `main` the champion.

Derived from ledger and archive alone, so it may be lost or damaged at any time: the next write mends it,
with the same commit ids. Until the run is finished it holds nothing of held-out tasks but public verdicts;
all the same it lies beside the ledger, outside every folder that a proposer works in.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing

from optimizer.candidates import BASELINE
from optimizer.ledger import SIMULATED_SERVER, Ledger
from optimizer.ledger.decisions import Decision, finished_at, read_decisions
from optimizer.reading.git_folder import GitFolder, Signature
from optimizer.run_folder import RunFolder
from optimizer.verdict import Verdict
from task_agent.harness import HarnessError, read_folder
from traces.errors import Place, RatchetError
from traces.render import escape

FOLDER = "candidates.git"
MAIN = "refs/heads/main"
LINE_CHARS = 400
PROPOSER = ("ratchet proposer", "proposer@ratchet.invalid")
DRIVER = ("ratchet", "driver@ratchet.invalid")


class History:
    """Keep a run's `candidates.git` up to date.

    Args:
        folder: The run.
        tell: Told, once, why the repository could not be written; the run goes on without it.
    """

    def __init__(self, folder: RunFolder, tell: Callable[[str], None]) -> None:
        self._run = folder
        self._tell = tell
        self._told = False
        self._git = GitFolder(folder.path / FOLDER, f"ratchet run {folder.id}: a commit per candidate")
        self._commits: dict[str, str] = {}
        self._certified = False

    def write(self) -> None:
        """Commit the candidates decided since the last call; called again, change nothing."""
        try:
            self._write()
        except (OSError, RatchetError) as error:
            if not self._told:
                self._told = True
                self._tell(f"{FOLDER} is not up to date: {error}")

    def _write(self) -> None:
        if self._git.open():
            self._commits.clear()
            self._certified = False
        simulated = "simulated" in self._run.read_lock()["models"].values() or self._is_served()
        for decision in read_decisions(self._run.ledger, but=self._commits):
            if decision.parent is None or decision.parent in self._commits:
                self._commits[decision.candidate] = self._commit(decision, simulated)
        self._certify()

    def _is_served(self) -> bool:
        with closing(Ledger(self._run.ledger, read_only=True)) as ledger:
            return any(note["kind"] == SIMULATED_SERVER for note in ledger.notices())

    def _commit(self, decision: Decision, simulated: bool) -> str:
        place = self._run.candidates / decision.candidate / "harness"
        bundle = read_folder(place)
        if bundle.hash != decision.harness:
            raise HarnessError("not the harness that was decided", place=Place(place))
        own = PROPOSER if decision.proposed else DRIVER
        commit = self._git.commit(
            self._git.tree(bundle.files),
            [self._commits[decision.parent]] if decision.parent else [],
            message(decision, self._run.id, simulated=simulated),
            author=Signature(*own, decision.proposed_at),
            committer=Signature(*DRIVER, decision.decided_at),
        )
        for ref in refs(decision):
            self._git.point(ref, commit)
        return commit

    def _certify(self) -> None:
        """Tag the champion with the certified number, once nothing can be proposed any more."""
        at = finished_at(self._run.ledger)
        if at is None or self._certified:
            return
        from optimizer.facts import read_facts
        from optimizer.words import SIMULATED_BANNER, verdict_sentence

        facts = read_facts(self._run)
        champion = self._commits.get(facts.state.champion)
        if champion and (facts.certificate or {}).get("difference") is not None:
            words = [verdict_sentence(facts), *([SIMULATED_BANNER] if facts.simulated else [])]
            text = "\n\n".join(textwrap.fill(part, 72) for part in words) + "\n"
            tag = self._git.tag("certified", champion, text, tagger=Signature(*DRIVER, at))
            self._git.point("refs/tags/certified", tag)
        self._certified = True


def refs(decision: Decision) -> tuple[str, ...]:
    """Name what points at a candidate's commit: `main` for whoever became champion, a branch for the others."""
    if decision.candidate == BASELINE:
        return ("refs/tags/baseline", MAIN)
    if decision.verdict is Verdict.KEEP:
        return (MAIN,)
    kind = "undecided" if decision.verdict is Verdict.UNDECIDED else "refused"
    return (f"refs/heads/{kind}/{decision.candidate}",)


def message(decision: Decision, run: str, *, simulated: bool) -> str:
    """Word a commit: title, claim, and what is known as trailers; nothing an author wrote can act as one."""
    score = "" if decision.score is None else f" [train {100 * decision.score:.1f}%]"
    subject = f"{decision.candidate}: {_line(decision.title, 100) or 'untitled'}{score}"
    claim = textwrap.fill(_line(decision.hypothesis, 2000), 72, break_on_hyphens=False)
    trailers = "\n".join(f"{key}: {_line(value, LINE_CHARS)}" for key, value in _trailers(decision) if value)
    ends = [f"Run: {run}", *(["Simulated: yes"] if simulated else [])]
    return "\n\n".join(part for part in (subject, claim, "\n".join([trailers, *ends])) if part) + "\n"


def _trailers(decision: Decision) -> Iterator[tuple[str, str]]:
    yield "Candidate", decision.candidate
    yield "Parent", decision.parent or ""
    yield "Verdict", decision.verdict.value if decision.verdict else "baseline"
    yield "Reason", decision.public
    if decision.score is not None:
        yield "Train-Score", f"{100 * decision.score:.1f}% ({decision.scored:,} of {decision.planned:,} scored)"
    yield "Evidence", ", ".join(decision.evidence)
    yield "Predicts-Fixed", ", ".join(decision.fixes)
    yield "Fears-Damaged", ", ".join(decision.at_risk)
    yield "Harness", decision.harness


def _line(text: str, limit: int) -> str:
    """Make text fit one line without control characters."""
    line = escape(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
