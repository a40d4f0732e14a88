"""The proposals a simulated proposer can make, each a change of files with a title and a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from benchmarks.simulated._look_tool import BROKEN_SCRIPT, SCRIPT, TOOL_DESCRIPTIONS, tool_name, tool_yaml
from benchmarks.simulated._words import CONTRADICTING, IDLE_ADVICE, REWORDED, flood
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.detector import read_request, sentences
from benchmarks.simulated.diagnosis import SeenTrace
from benchmarks.simulated.draws import choose, uniform
from benchmarks.simulated.slip import Slip
from benchmarks.simulated.structural import structural

SYSTEM = "prompts/system.md"
SPEC = "harness.yaml"
_BRIEF = re.compile(r"^Brief: (\w+)", re.MULTILINE)
_FLOOD_CHARS = 9_000
_SECOND_LOOK = frozenset({"no_final_check", "stops_early", "wrong_path"})
"""Causes that suggest a second agent; the others suggest knowledge."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Give a file a new text."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Hold one change and what is claimed of it; `slip` is the cause it is about, if any."""

    title: str
    hypothesis: str
    edits: tuple[Edit, ...]
    slip: str | None = None

    @property
    def area(self) -> str:
        """Name what it changes: prompts, tools or orchestration."""
        paths = [edit.path for edit in self.edits]
        return "orchestration" if SPEC in paths else "tools" if paths[0].startswith("tools/") else "prompts"

    def with_more(self, found: Findings) -> Proposal:
        """Add a second mechanism: a tool to a change of the prompt, a sentence of the prompt to any other."""
        if self.area == "prompts":
            name = next(name for name in sorted(TOOL_DESCRIPTIONS) if name != self.slip)
            return replace(self, edits=(*self.edits, *_tool_edits(SLIPS[name], SCRIPT)))
        return replace(self, edits=(*self.edits, Edit(SYSTEM, append(found.system, IDLE_ADVICE[0][1]))))


@dataclass(frozen=True, slots=True)
class Findings:
    """Hold what the proposer has learnt when it writes its change.

    `files` are the texts of the harness it read, `overview` the first message with what was tried
    before, `causes` the diagnosed slips with the commonest first, `passed` traces of attempts that
    went well (read only to copy from them). `structures` lets it propose structures beside a verifier.
    """

    user_id: str
    overview: str
    files: dict[str, str]
    causes: Sequence[str]
    failed: Sequence[SeenTrace] = ()
    passed: Sequence[SeenTrace] = field(default=())
    structures: bool = False

    @property
    def brief(self) -> str:
        """Name what the session is asked for; empty when that is left to it."""
        found = _BRIEF.search(self.overview)
        return found.group(1) if found else ""

    @property
    def system(self) -> str:
        """The main agent's prompt as it is now."""
        return self.files.get(SYSTEM, "")

    def remedied(self) -> frozenset[str]:
        """List the slips that the present prompt already speaks of."""
        return read_request(self.system, ()).remedies()

    def draw(self, *names: str) -> float:
        """Draw a number from the session's token."""
        return uniform(self.user_id, *names)


def append(text: str, line: str) -> str:
    """Add a line of advice to a prompt."""
    return f"{text.rstrip()}\n{line}\n"


def good(found: Findings) -> Iterator[Proposal]:
    """Offer what the brief asks for, then remedies for the diagnosed causes, the commonest first."""
    if found.brief == "simplify":
        yield from _simpler(found)
    offered = list(_good(found))
    yield from sorted(offered, key=lambda each: each.area != found.brief)


def _simpler(found: Findings) -> Iterator[Proposal]:
    """Offer to leave out the longest lines of the prompt that no remedy is read from, all but the first."""
    idle = [line for line in found.system.splitlines()[1:] if line.strip() and not read_request(line, ()).remedies()]
    for line in sorted(idle, key=len, reverse=True):
        shorter = found.system.replace(f"{line}\n", "", 1)
        title = f"Say it shorter, without: {line[:40].strip()}"
        yield Proposal(title, "The line changes nothing that the agent does.", (Edit(SYSTEM, shorter),))


def _good(found: Findings) -> Iterator[Proposal]:
    remedied = found.remedied()
    causes = [SLIPS[name] for name in found.causes if name not in remedied]
    if len(causes) > 1 and (found.brief == "explore" or (found.brief != "repair" and found.draw("second") < 0.2)):
        causes[0], causes[1] = causes[1], causes[0]
    fresh = [slip for slip in causes if slip.title not in found.overview]
    for slip in fresh + [slip for slip in causes if slip not in fresh]:
        yield from sorted(_remedies(found, slip), key=lambda each: found.draw("form", each.title))


def _remedies(found: Findings, slip: Slip) -> Iterator[Proposal]:
    reason = f"Attempts fail because of this thought: {slip.telltales[0]!r}"
    for number, sentence in enumerate(slip.guidance, start=1):
        title = slip.title if number == 1 else f"{slip.title} ({number})"
        yield Proposal(title, reason, (Edit(SYSTEM, append(found.system, sentence)),), slip.id)
    if slip.id in TOOL_DESCRIPTIONS:
        yield Proposal(f"{slip.title} with a tool", reason, _tool_edits(slip, SCRIPT), slip.id)
    if slip.id in _SECOND_LOOK and "orchestration" not in found.files.get(SPEC, "orchestration"):
        spec = append(found.files[SPEC], "orchestration:\n  pattern: verify_then_finish\n  params: {rounds: 2}")
        prompt = (
            "You check the finished work of another agent. Look at the files with bash and report what is wrong.\n"
            f"{slip.guidance[0]}\n"
        )
        edits = (Edit(SPEC, spec), Edit("prompts/verifier.md", prompt))
        yield Proposal("Have a second agent check the result", reason, edits, slip.id)
    if found.structures and SPEC in found.files:
        for each in structural(slip, found.files[SPEC]):
            texts = {SPEC: append(found.files[SPEC], each.spec), f"prompts/{each.role}.md": each.prompt}
            yield Proposal(each.title, reason, tuple(Edit(path, text) for path, text in texts.items() if text), slip.id)


def _tool_edits(slip: Slip, script: bytes) -> tuple[Edit, ...]:
    folder = f"tools/{tool_name(slip)}"
    return (Edit(f"{folder}/tool.yaml", tool_yaml(slip)), Edit(f"{folder}/run", script.decode()))


def useless(found: Findings) -> Iterator[Proposal]:
    """Offer changes that the agent heeds in no way."""
    order = sorted(IDLE_ADVICE, key=lambda each: found.draw("idle", each[0]))
    if found.draw("broken") < 0.15:
        slip = SLIPS[choose(sorted(TOOL_DESCRIPTIONS), found.user_id, "broken tool")]
        yield Proposal(f"{slip.title} with an index", "A tool could help.", _tool_edits(slip, BROKEN_SCRIPT))
    if found.draw("reword") < 0.15 and not found.remedied():
        yield Proposal("Reword the prompt", "Clear words help.", (Edit(SYSTEM, f"{REWORDED}\n"),))
    for title, sentence in order:
        yield Proposal(title, "The agent seems unsure of its role.", (Edit(SYSTEM, append(found.system, sentence)),))
    for number in range(2, 100):
        title = f"Number the rules of conduct, version {number}"
        yield Proposal(title, "Rules help.", (Edit(SYSTEM, append(found.system, f"Rule {number}: be kind.")),))


def harmful(found: Findings) -> Iterator[Proposal]:
    """Offer changes that make the agent worse."""
    kept = [line for line in found.system.splitlines() if read_request(line, ()).remedies()]
    if kept and found.draw("removal") < 0.5:
        line = choose(kept, found.user_id, "removed")
        shorter = found.system.replace(line, "").strip() + "\n"
        yield Proposal(f"Leave out a rule: {line[:30].strip()}", "Shorter is better.", (Edit(SYSTEM, shorter),))
    if found.draw("flood") < 0.3:
        text = append(found.system, flood(_FLOOD_CHARS))
        yield Proposal("Describe the ideal colleague", "A rich picture helps.", (Edit(SYSTEM, text),))
        yield Proposal("Give both sides", "Balance helps.", (Edit(SYSTEM, append(found.system, CONTRADICTING)),))
    slips = sorted(SLIPS.values(), key=lambda slip: -slip.base * (0.3 + found.draw("harm", slip.id)))
    for slip in slips:
        for number, sentence in enumerate(slip.harmful, start=1):
            text = append(found.system, sentence)
            title = f"Save effort ({slip.id.replace('_', ' ')}, {number})"
            yield Proposal(title, "The agent spends turns on doubts.", (Edit(SYSTEM, text),))


def overfit(found: Findings) -> Iterator[Proposal]:
    """Offer to remember what the train traces hold: results, files, wordings."""
    lines = [line for trace in found.passed for line in _remembered(trace)]
    lines += [line for trace in found.failed for line in _special_case(trace)]
    if not lines:
        return
    for number in range(1, 100):
        chosen = sorted(lines, key=lambda line: found.draw("remember", str(number), line))[:8]
        text = append(found.system, "\n".join(chosen))
        title = "Remember known results" if number == 1 else f"Remember known results ({number})"
        yield Proposal(title, "These come up again.", (Edit(SYSTEM, text),))


def _remembered(trace: SeenTrace) -> Iterator[str]:
    start = " ".join(trace.instruction.split()[:12])
    if start and trace.values:
        shown = " and ".join(f"`{value}`" for value in trace.values[-3:])
        yield f'- When the task begins "{start}", the result holds {shown}.'


def _special_case(trace: SeenTrace) -> Iterator[str]:
    """Turn a cause into a rule about this one task's file."""
    named = [word.strip("`.,;:()") for word in trace.instruction.split() if _is_file(word.strip("`.,;:()"))]
    if trace.cause and named:
        first = next(sentences(SLIPS[trace.cause].guidance[0]))
        yield f"- For {named[0]}: {first[0].lower()}{first[1:]}."


def _is_file(word: str) -> bool:
    stem, dot, ending = word.rpartition(".")
    return bool(stem and dot) and ending.isalpha() and len(ending) <= 5


KINDS = {"good": good, "useless": useless, "harmful": harmful, "overfit": overfit}
"""What the mix of the run file chooses from."""
