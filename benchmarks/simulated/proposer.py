"""The simulated meta-agent: reads traces through its tools and proposes a change of a drawn kind."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.conversation import Call, Conversation, ToolCall, Turn
from benchmarks.simulated.diagnosis import (
    READERS,
    Listed,
    SeenTrace,
    choose_attempts,
    commonest_causes,
    listed_attempts,
    seen_traces,
)
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.proposal import KINDS, SPEC, SYSTEM, Edit, Findings, Proposal
from benchmarks.simulated.settings import SimulatedSettings
from benchmarks.simulated.shell import in_shell

LISTED = 100
FAILED_READ = 12
PASSED_READ = 6
TRIES = 3
"""Proposals a session tries before it gives up."""
_EVIDENCE = 6
_LESSONS = re.compile(r"^Lessons \(", re.MULTILINE)
_KNOWN = re.compile(r"^  - (l-\w+) (.*)$", re.MULTILINE)
_TRIED = 3
_VAGUE = "The change turns out not to help."
_OBJECTS = "a reviewer objects"
_CHAMPION = re.compile(r"^(?:Champion|Working copy): (\S+)", re.MULTILINE)


def reply(conversation: Conversation, settings: SimulatedSettings) -> Turn:
    """Say what the proposer says next: list, read traces, read files, edit, submit, stop."""
    if len(conversation.asks) > 1:
        return Turn("There is nothing new to propose.")
    kind = drawn_kind(conversation.user_id, settings)
    shell = "bash" in conversation.tool_names
    calls = list(conversation.calls())
    position = conversation.position
    if position == 0:
        return Turn("I look at the attempts first.", _listing(kind, conversation.ask(0)))
    reader = _reader(conversation)
    if reader is None:
        position += 1  # how attempts ended is all it is shown
    elif position == 1:
        reading = _reading(listed_attempts(calls), conversation.user_id, reader)
        return Turn("Now some of their traces.", tuple(map(in_shell, reading)) if shell else reading)
    if position == 2:
        files = tuple(Call("read_file", {"path": path}) for path in (".", SYSTEM, SPEC))
        return Turn("Now the harness as it is.", files)
    return _change(conversation, settings, calls, position)


def drawn_kind(user_id: str, settings: SimulatedSettings) -> str:
    """Draw the kind of proposal a session will make."""
    left = uniform(user_id, "kind")
    for kind in KINDS:
        left -= getattr(settings.mix, kind)
        if left < 0:
            return kind
    return "good"


def _listing(kind: str, overview: str) -> tuple[Call, ...]:
    """List the champion's attempts; an overview that names none leaves all."""
    champion = _CHAMPION.search(overview)
    common: dict[str, object] = {"limit": LISTED} | ({"candidate": champion.group(1)} if champion else {})
    outcomes = ("failed", "passed") if kind == "overfit" else ("failed",)
    return tuple(Call("list_attempts", {"outcome": outcome, **common}) for outcome in outcomes)


def _reader(conversation: Conversation) -> str | None:
    """Name the tool that shows single attempts, if one is offered."""
    return next((name for name in READERS if name in conversation.tool_names), None)


def _reading(listed: dict[str, list[Listed]], user_id: str, reader: str) -> tuple[Call, ...]:
    chosen = choose_attempts(listed.get("failed", ()), user_id, FAILED_READ)
    chosen += choose_attempts(listed.get("passed", ()), user_id, PASSED_READ)
    if not chosen:
        return (Call("list_clusters", {}),)
    return tuple(Call(reader, {"attempt": each.attempt}) for each in chosen)


def find_out(conversation: Conversation, calls: Sequence[ToolCall], *, structures: bool = False) -> Findings:
    """Put together what the session has learnt from its tools; without readable traces it guesses a cause."""
    listed = listed_attempts(calls)
    failed = _seen(conversation, calls, listed.get("failed", ()))
    causes = commonest_causes(failed)
    if not causes:
        causes = sorted(SLIPS, key=lambda name: uniform(conversation.user_id, "guess", name))
    return Findings(
        user_id=conversation.user_id,
        overview=conversation.ask(0),
        files={str(c.input.get("path")): c.result for c in calls if c.name == "read_file" and not c.is_error},
        causes=causes,
        failed=failed,
        passed=seen_traces(calls, listed.get("passed", ())),
        structures=structures,
    )


def _seen(conversation: Conversation, calls: Sequence[ToolCall], listed: Sequence[Listed]) -> list[SeenTrace]:
    """Give what was read of attempts; where nothing can be, they are known by name alone."""
    if _reader(conversation) is not None:
        return seen_traces(calls, listed)
    chosen = choose_attempts(listed, conversation.user_id, FAILED_READ)
    return [SeenTrace(each.attempt, each.task, "") for each in chosen]


def make_proposals(kind: str, found: Findings) -> list[Proposal]:
    """List what could be proposed that was not before, the first choice first; useless changes never run out."""
    offered = itertools.chain(KINDS[kind](found), KINDS["useless"](found))
    new = (proposal for proposal in offered if proposal.title not in found.overview)
    return list(itertools.islice(new, TRIES))


def _change(conversation: Conversation, settings: SimulatedSettings, calls: Sequence[ToolCall], position: int) -> Turn:
    """Edit and submit; after a refusal take the edits back and try the next proposal, after an objection amend it."""
    kind = drawn_kind(conversation.user_id, settings)
    found = find_out(conversation, calls, structures=settings.structures)
    proposals = make_proposals(kind, found)
    answers = [call.result for call in calls if call.name == "submit_change"]
    amends = any(_OBJECTS in answer for answer in answers)
    refused = len(answers) - amends + sum(_came_to_nothing(call) for call in calls)
    if refused >= len(proposals):
        return Turn("I have nothing new to propose.")
    whole, proposal = proposals[refused], proposals[refused]
    if found.draw("mixed") < settings.contract.mixed:
        whole = proposal.with_more(found)
    last, edited = calls[-1], calls[-1].name in ("edit_file", "bash")  # by now a shell is used to edit
    tasks = _tasks(_about(proposal, found) or found.failed)
    if edited and tasks and not amends and _may_try(conversation, calls):
        return Turn("I try it first.", (Call("try_change", {"tasks": tasks[:_TRIED]}),))
    if (edited or last.name == "try_change") and not _came_to_nothing(last):
        vague = not amends and found.draw("vague") < settings.contract.vague
        return Turn("I submit this.", (_submission(proposal, found, vague=vague),))
    wanted = {edit.path: edit.text for earlier in proposals[:refused] for edit in _undo(earlier, found)}
    wanted |= {edit.path: edit.text for edit in (_undo(whole, found) if amends else ())}
    wanted |= {edit.path: edit.text for edit in (proposal if amends else whole).edits}
    edits = tuple(Call("edit_file", {"path": path, "new": text}) for path, text in wanted.items())
    return Turn(proposal.hypothesis, tuple(map(in_shell, edits)) if "bash" in conversation.tool_names else edits)


def _may_try(conversation: Conversation, calls: Sequence[ToolCall]) -> bool:
    """Say whether a try is offered and none was refused; what is left of an allowance is asked for, not counted."""
    return "try_change" in conversation.tool_names and not any(c.name == "try_change" and c.is_error for c in calls)


def _came_to_nothing(call: ToolCall) -> bool:
    return call.name == "try_change" and not call.is_error and call.result.startswith("0 of ")


def _about(proposal: Proposal, found: Findings) -> list[SeenTrace]:
    return [trace for trace in found.failed if trace.cause is not None and trace.cause == proposal.slip]


def _undo(proposal: Proposal, found: Findings) -> list[Edit]:
    """Give the files of a proposal their old text; an empty text removes a file that was not there."""
    return [Edit(edit.path, found.files.get(edit.path, "")) for edit in proposal.edits]


def _submission(proposal: Proposal, found: Findings, *, vague: bool) -> Call:
    about = _about(proposal, found)
    evidence = [trace.attempt for trace in about or found.failed or found.passed][:_EVIDENCE]
    prediction = {"fixes": _tasks(about or found.failed), "at_risk": _tasks(_others(found, about))[:2]}
    return Call(
        "submit_change",
        {
            "title": proposal.title,
            "hypothesis": proposal.hypothesis,
            "evidence": evidence,
            "prediction": prediction,
            "refuted_by": _VAGUE if vague else _refutation(prediction["fixes"]),
            **_lesson(proposal, found.overview),
        },
    )


def _lesson(proposal: Proposal, overview: str) -> dict[str, object]:
    """Say what is worth remembering of a cause, where lessons are kept, and which lessons say it already."""
    if proposal.slip is None or not (said := _LESSONS.search(overview)):
        return {}
    problem = SLIPS[proposal.slip].problem
    used = [match.group(1) for match in _KNOWN.finditer(overview, said.end()) if problem in match.group(2)]
    return {"lesson": f"Attempts fail because of this: {problem}.", "lessons_used": used}


def _refutation(fixes: Sequence[str]) -> str:
    named = ", ".join(fixes[:3])
    return f"Fresh attempts at {named} fail as often as before." if fixes else "No train task passes more often."


def _others(found: Findings, about: Sequence[SeenTrace]) -> list[SeenTrace]:
    """Name tasks the change is not about: they can only lose by it."""
    taken = {trace.task for trace in about}
    return [trace for trace in found.failed if trace.task not in taken]


def _tasks(traces: Sequence[SeenTrace]) -> list[str]:
    return list(dict.fromkeys(trace.task for trace in traces))
