"""Read from a rendered request what the harness tells the agent: the one detector of model and truth."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.slip import Rule, Slip

BUILT_IN_TOOLS = frozenset(
    {"bash", "edit_file", "view", "delegate", "report_check", "report_choice"}
    | {"report_reflection", "report_review", "submit_change", "read_file", "list_attempts"}
)
FREE_CHARS = 1_800
"""Characters of prompt that cost nothing."""
BLOAT_CHARS = 30_000.0
"""Each such amount of text beyond the free part costs 63% of what was left; it never stops costing."""
CONTRADICTION_COST = 0.05

_FILE_NAME = re.compile(
    r"[\w-]+\.(?:csv|tsv|jsonl?|ya?ml|txt|log|ini|toml|db|sqlite3?|zip|tar|tgz|gz|xml|html?|md|xlsx?|conf|cfg|env|sql)\b"
)
_BULLET = re.compile(r"\s*(?:[-*+•>#]|\d+[.)]|$)")
_SENTENCE_END = re.compile(r"[.!?;]+(?:\s+|$)")
_POLARITY = re.compile(
    r"(?P<reset>[,:()—–]|\b(?:and|but|then|so|because|before|until|till|unless)\b)"
    r"|(?P<negation>n't\b|\b(?:not|never|cannot|without|skip|skipping|avoid\w*|omit\w*|forget\w*|neglect\w*|refrain\w*"
    r"|rather than|instead of|fail(?:ing|s)? to|no (?:need|point|reason|use)|needless|unnecessary|pointless|superfluous"
    r"|waste of time|stop(?= \w+ing)|hardly|rarely|seldom|nor|a mistake)\b)"
)
_CLAUSE_END = re.compile(r"[,:()]")
_NOT_NEEDED = re.compile(
    r"\b(?:is|are|'s)(?: (?:not|never)|n't) (?:needed|necessary|required|important|worth)"
    r"|\b(?:is|are) (?:unnecessary|pointless|optional|superfluous|a waste)|\b(?:can|may) be (?:skipped|left out)"
)
_TOOL_SHOWS = re.compile(
    r"\s*(?:this tool )?(?:show|print|report|list|tell|return|output|give|display|summar|count|compar|warn|point|read)"
)
_NEGATED = re.compile(r"n't\b|\b(?:not|never|without|ignor\w*)\b")
_PAIRS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(one), re.compile(other))
    for one, other in (
        (
            r"as few (?:commands|steps|turns)|(?:fast|quickly) as (?:possible|you can)|minimi[sz]e the number of",
            r"take your time|be thorough|as many (?:commands|steps) as|everything twice|slow and careful",
        ),
        (
            r"always use python|only use python",
            r"(?:never|do not|don't|avoid) us(?:e|ing) python|only use (?:the )?shell",
        ),
        (r"always use absolute paths|only absolute paths", r"always use relative paths|never use absolute paths"),
        (r"(?:never|do not|don't) ask", r"(?:always|please) ask (?:first|when|before|for)"),
        (
            r"one command (?:at a time|per turn)",
            r"(?:everything|all the work) in (?:one|a single) command|single script",
        ),
        (
            r"\bbe (?:brief|concise|terse)|keep (?:answers|texts?) short",
            r"explain (?:every|each) (?:step|command) in detail|be verbose",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Record that one sentence helps against a slip, or invites it.

    `tool` names the script tool whose description says it. `names` are the files the sentence is
    about: it then concerns only tasks that know one of them.
    """

    slip: str
    helps: bool
    tool: str | None
    names: frozenset[str]
    sentence: str


@dataclass(frozen=True, slots=True)
class ToolText:
    """Hold what a model is told of a tool, apart from its input."""

    name: str
    description: str


@dataclass(frozen=True, eq=False)
class Reading:
    """Hold all that the simulated model heeds of a request's fixed part; compared by identity, so it can be a key."""

    findings: tuple[Finding, ...]
    contradictions: int
    length: int
    text: str

    @property
    def cost(self) -> float:
        """The share of successes lost on every task to length and contradictions."""
        excess = max(0, self.length - FREE_CHARS)
        kept = math.exp(-excess / BLOAT_CHARS) * math.pow(1.0 - CONTRADICTION_COST, self.contradictions)
        return 1.0 - kept

    def remedies(self) -> frozenset[str]:
        """List the slips that anything here helps against on every task."""
        return frozenset(f.slip for f in self.findings if f.helps and not f.names)

    def tools_for(self, slips: Sequence[str]) -> list[str]:
        """List the script tools that claim to help against one of `slips`, in the order offered."""
        found = (f.tool for f in self.findings if f.tool is not None and f.helps and f.slip in slips)
        return list(dict.fromkeys(found))


def sentences(text: str) -> Iterator[str]:
    """Split a prompt into sentences; lines that go on below each other are joined first."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        if _BULLET.match(line) and paragraph:
            yield from _split(" ".join(paragraph))
            paragraph = []
        if line.strip():
            paragraph.append(line.strip())


def _split(paragraph: str) -> Iterator[str]:
    for part in _SENTENCE_END.split(paragraph):
        if part.strip():
            yield part.strip(" -*+•>#\t")


def _negations(sentence: str, start: int, end: int) -> int:
    """Count what turns round the meaning of the verb at `start`, within its clause."""
    count = 0
    for mark in _POLARITY.finditer(sentence, 0, start):
        count = 0 if mark.lastgroup == "reset" else count + 1
    rest = sentence[end:]
    clause_end = _CLAUSE_END.search(rest)
    return count + bool(_NOT_NEEDED.search(rest[: clause_end.start()] if clause_end else rest))


def _verdict(rule: Rule, sentence: str) -> bool | None:
    """Say whether the sentence helps (True), harms (False) or does not speak of it (None)."""
    if not all(group.search(sentence) for group in rule.about):
        return None
    found: bool | None = None
    for verb in rule.verb.finditer(sentence):
        negated = _negations(sentence, verb.start(), verb.end()) % 2 == 1
        if negated == rule.forbids:
            return True
        found = False
    return found


def judge(slip: Slip, sentence: str) -> bool | None:
    """Say whether a lower-cased sentence helps against `slip`, invites it, or neither (None)."""
    verdicts = [_verdict(rule, sentence) for rule in slip.rules]
    if True in verdicts:
        return True
    return False if False in verdicts else None


def _plain(sentence: str) -> str:
    lowered = sentence.lower().replace("’", "'").replace("`", "")
    return lowered.replace("in order to", "to").replace("not only", "").replace("whether or not", "whether")


def _findings(text: str, tool: str | None) -> Iterator[Finding]:
    for sentence in sentences(text):
        plain = _plain(sentence)
        names = frozenset(_FILE_NAME.findall(plain))
        if tool is not None and _TOOL_SHOWS.match(plain) and not _NEGATED.search(plain):
            plain = f"find {plain}"
        for slip in SLIPS.values():
            helps = judge(slip, plain)
            if helps is not None:
                yield Finding(slip.id, helps, tool, names, sentence)


def _contradictions(findings: Sequence[Finding], text: str) -> int:
    said: Mapping[bool, set[str]] = {True: set(), False: set()}
    for finding in findings:
        said[finding.helps].add(finding.slip)
    lowered = _plain(text)
    pairs = sum(1 for one, other in _PAIRS if one.search(lowered) and other.search(lowered))
    return pairs + len(said[True] & said[False])


def read_request(system: str, tools: Sequence[ToolText]) -> Reading:
    """Read the fixed part of a request: its system text, and the tools it offers."""
    findings = list(_findings(system, None))
    script_tools = [tool for tool in tools if tool.name not in BUILT_IN_TOOLS]
    for tool in script_tools:
        findings += _findings(tool.description, tool.name)
    text = "\n".join([system, *(tool.description for tool in script_tools)])
    return Reading(tuple(findings), _contradictions(findings, text), len(text), text)
