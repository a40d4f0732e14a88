"""How the champion's train score climbed, and which train tasks flipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from optimizer.facts import Facts
from optimizer.ledger.tallies import TaskTally
from optimizer.report.text import code, percent, table
from optimizer.verdict import Verdict

WIDTH = 40
MOST_ROWS = 40
FLIPPED = 0.5
"""A task flipped when the share of its attempts that pass moved by at least this much."""
MOST_FLIPS = 30


class Stair(NamedTuple):
    """Say who was champion after one iteration."""

    iteration: int
    champion: str
    step: bool


def staircase(facts: Facts) -> list[Stair]:
    """Follow the champion over the concluded iterations, the baseline at 0."""
    champion = facts.candidates[0].id
    stairs = [Stair(0, champion, True)]
    for slot in facts.slots:
        verdict = facts.verdicts.get(slot["candidate"] or "")
        kept = verdict is not None and verdict.verdict is Verdict.KEEP
        champion = slot["candidate"] if kept else champion
        stairs.append(Stair(slot["slot"], champion, kept))
    return stairs


def score_over_iterations(facts: Facts) -> str:
    """Draw the champion's train score after each iteration, with what it rests on."""
    stairs = staircase(facts)
    shown = stairs if len(stairs) <= MOST_ROWS else [stair for stair in stairs if stair.step or stair is stairs[-1]]
    lines = ["iteration  champion  train score"]
    for stair in shown:
        score = facts.train_score(stair.champion)
        bar = "#" * round(WIDTH * (score or 0.0))
        note = str(facts.train_coverage(stair.champion)) if stair.step else ""
        lines.append(f"{stair.iteration:>9}  {stair.champion:<8}  {percent(score):>6}  {bar:<{WIDTH}}  {note}".rstrip())
    picture = "\n".join(["```text", *lines, "```"])
    more = "" if len(shown) == len(stairs) else f" Only the steps of {len(stairs) - 1} iterations are drawn."
    return (
        "The champion's score on train tasks. Proposers read these tasks and candidates were screened on them, so it"
        f" flatters: the certified gain is the number to go by.{more}\n\n{picture}"
    )


def flips(facts: Facts) -> str:
    """List the train tasks that the champion newly passes or newly fails."""
    first, last = facts.candidates[0].id, facts.train_champion.id
    if first == last:
        return "No change was kept, so no task flipped."
    before, after = facts.train_tasks(first), facts.train_tasks(last)
    moves = {task: move(before[task], after.get(task)) for task in before}
    up = sorted(
        (task for task, by in moves.items() if by is not None and by >= FLIPPED), key=lambda t: -(moves[t] or 0)
    )
    down = sorted(
        (task for task, by in moves.items() if by is not None and by <= -FLIPPED), key=lambda t: moves[t] or 0
    )
    unknown = sum(by is None for by in moves.values())
    same = len(moves) - len(up) - len(down) - unknown
    head = (
        f"{first} to {last}: {len(up)} up, {len(down)} down, {same} about the same, {unknown} not measured in"
        " both. A task flips when the share of its attempts that pass moves by half or more;"
        " with so few attempts of each task, single rows are mostly luck."
    )
    rows = [*_rows(up, "up", before, after), *_rows(down, "down", before, after)]
    if not rows:
        return head
    return f"{head}\n\n{table(['task', 'flip', f'{first} passes', f'{last} passes'], rows)}"


def move(before: TaskTally | None, after: TaskTally | None) -> float | None:
    """Say by how much the share of a task's attempts that pass moved; None unless it was measured in both."""
    if before is None or after is None or not before.scored or not after.scored:
        return None
    return after.passes / after.scored - before.passes / before.scored


def _rows(
    tasks: list[str], word: str, before: dict[str, TaskTally], after: dict[str, TaskTally]
) -> Iterator[list[str]]:
    for task in tasks[:MOST_FLIPS]:
        counts = [f"{row.passes}/{row.scored}" for row in (before[task], after[task])]
        yield [code(task), word, *counts]
    if len(tasks) > MOST_FLIPS:
        yield [f"and {len(tasks) - MOST_FLIPS} more", word, "", ""]
