"""What a session is asked for: one of a few briefs, dealt to slots by the run file and the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXPLORE, REPAIR, SIMPLIFY = "explore", "repair", "simplify"
MERGE, TOOLS, ORCHESTRATION = "merge", "tools", "orchestration"

ASKED = {
    EXPLORE: "Find a mechanism that no earlier candidate tried: another cause, or another way to remove one.",
    REPAIR: "Find the one cause behind the largest group of failing attempts, count it, and remove it.",
    SIMPLIFY: "Make the harness do as well with less: take out, or say shorter, what carries nothing. Its gain must"
    " still show, in attempts that stop failing because of what is gone.",
    MERGE: "Make one mechanism of two ideas that held up: one rule, tool or step in the place of two, or the idea that"
    " the champion lacks brought in so that both work together.",
    TOOLS: "Change the tools: a script that does reliably what the agent gets wrong by hand, or a tool taken away.",
    ORCHESTRATION: "Change the orchestration, the limits or the context policy: who works in what order, and who"
    " checks what.",
}
"""What each brief says to the proposer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold what decides which briefs make sense: train tasks the champion fails, its kept changes, ideas to merge."""

    failing: int
    kept: Sequence[str]
    ideas: Sequence[str]

    def allows(self, brief: str) -> bool:
        """Say whether a brief has something to work on."""
        if brief == REPAIR:
            return self.failing > 0
        if brief == SIMPLIFY:
            return bool(self.kept)
        return brief != MERGE or len(self.ideas) > 1


def deal(briefs: Sequence[str], turn: int, standing: Standing, dealt: Sequence[str] = ()) -> str:
    """Give the brief whose turn it is, or the next that makes sense and its round had least often; empty for none.

    Args:
        briefs: The run file's, in order.
        turn: Counts the slots that proposers serve, from 0.
        standing: How the run stands.
        dealt: What the slots before it in its round were asked for.
    """
    order = [briefs[(turn + step) % len(briefs)] for step in range(len(briefs))]
    return min(filter(standing.allows, order), key=dealt.count, default="")


def opening(brief: str, standing: Standing) -> list[str]:
    """Word a brief for the opening of a session; nothing for none."""
    if not brief:
        return []
    ideas = f" They are: {', '.join(standing.ideas[-2:])}." if brief == MERGE else ""
    return [f"Brief: {brief}. {ASKED[brief]}{ideas}"]
