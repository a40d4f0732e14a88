"""`best_of_n`: the work is done several times from the same beginning, and a chooser takes the best result."""

from __future__ import annotations

from task_agent.errors import AgentCrashedError
from task_agent.harness.pattern import BestOfNParams
from task_agent.meter import Meter
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.drafts import Drafts
from task_agent.orchestration.opening import first_message
from task_agent.orchestration.worker import Worker
from task_agent.tools.base import shorten
from task_agent.tools.report_choice import ReportChoiceTool

_UNBOUNDED = 1e18

SPARE_TURNS = 4
"""Turns that must be left for choosing when another draft is begun."""


async def best_of_n(ctx: Ctx, params: BestOfNParams) -> str:
    """Make up to `params.n` drafts one after the other, and leave the chosen one in the working directory.

    A further draft is begun only while what is left of the budget suffices for one like the dearest
    so far and for choosing.
    """
    drafts = Drafts(ctx)
    if not await drafts.begin():
        ctx.note("the working directory cannot be copied aside; the work is done once")
        return await Worker(ctx).run(first_message("main", ctx.task))
    answers = await _make(ctx, drafts, params.n)
    chosen = await _choose(ctx, drafts, len(answers)) if len(answers) > 1 else 1
    if not await drafts.put_back(chosen):
        raise AgentCrashedError(f"draft {chosen} could not be put back")
    await drafts.drop()
    return answers[chosen - 1]


async def _make(ctx: Ctx, drafts: Drafts, most: int) -> list[str]:
    """Make and keep drafts; give the last words of each."""
    answers: list[str] = []
    before = _left(ctx.budget)
    dearest: tuple[float, ...] = (0.0,) * len(before)
    for number in range(1, most + 1):
        if number > 1 and not await drafts.restart():
            raise AgentCrashedError("the working directory could not be put back as it was")
        answers.append(await Worker(ctx).run(first_message("main", ctx.task, draft_line(number, most))))
        if not await drafts.keep(number):
            raise AgentCrashedError(f"draft {number} could not be copied aside")
        after = _left(ctx.budget)
        dearest = tuple(max(most_used, old - new) for most_used, old, new in zip(dearest, before, after, strict=True))
        before = after
        if number < most and any(left < used for left, used in zip(after, dearest, strict=True)):
            ctx.note(f"too little of the budget is left for draft {number + 1}")
            break
    return answers


async def _choose(ctx: Ctx, drafts: Drafts, count: int) -> int:
    """Have a fresh agent, which sees results and no reasoning, choose a draft."""
    report = ReportChoiceTool(count)
    shown = [f"Draft {number}: {drafts.folder(number)}\n{await drafts.changes(number)}" for number in _upto(count)]
    most_chars = ctx.spec.context.max_tool_output_chars
    said = "\n\n".join(shorten(text, most_chars) for text in shown)
    await ctx.agent("chooser", tools=["bash", report]).run(first_message("chooser", ctx.task, said))
    if report.choice is None:
        ctx.note("the chooser ended without a choice; the first draft stands")
    return report.choice or 1


def draft_line(number: int, most: int) -> str:
    """Tell a worker which draft it makes; without it, equal requests might bring equal work."""
    return f"This is draft {number} of at most {most}, made independently of the others."


def _upto(count: int) -> range:
    return range(1, count + 1)


def _left(budget: Meter) -> tuple[float, ...]:
    """List what is left of turns, of which some are spared, and of tokens, money and time."""
    left = budget.remaining
    turns = None if left.turns is None else left.turns - SPARE_TURNS
    return tuple(_UNBOUNDED if each is None else each for each in (turns, left.tokens, left.cost_usd, left.time_s))
