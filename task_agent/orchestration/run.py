"""Run a harness on a task."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.pattern import CODE, PATTERNS
from task_agent.harness.spec import HarnessSpec
from task_agent.meter import Budget, Meter
from task_agent.models.base import ModelClient
from task_agent.orchestration.best_of_n import best_of_n
from task_agent.orchestration.code import CodePlace, run_code
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.delegate import delegate
from task_agent.orchestration.opening import ModelChoice, TaskView, roles
from task_agent.orchestration.plan_then_act import plan_then_act
from task_agent.orchestration.react import react
from task_agent.orchestration.snapshot import with_snapshot
from task_agent.orchestration.verify_then_finish import verify_then_finish
from task_agent.sandbox.base import Sandbox
from task_agent.sandbox.code_jail import CodeJails
from traces.event import TokenUsage
from traces.recorder import Recorder

Pattern = Callable[[Ctx, Any], Awaitable[str]]
"""A way for agents to work together (Any: the pattern's own parameters); returns the last words."""

PATTERN_FUNCTIONS: dict[str, Pattern] = {
    "react": react,
    "verify_then_finish": verify_then_finish,
    "plan_then_act": plan_then_act,
    "best_of_n": best_of_n,
    "delegate": delegate,
}
"""All but `code`, which also needs a place to run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Report an attempt's agent phase that ended by itself."""

    text: str
    turns: int
    usage: TokenUsage
    cost_usd: float | None
    unpriced_requests: int


def budget_for(spec: HarnessSpec, *, time_s: float | None = None) -> Budget:
    """Take the harness's limits as a budget; `time_s`, such as a task's own limit, may only shorten it."""
    limits = spec.limits
    shortest = limits.time_s if time_s is None else min(limits.time_s, time_s)
    return Budget(turns=limits.turns, tokens=limits.tokens, cost_usd=limits.cost_usd, time_s=shortest)


async def run_harness(
    bundle: HarnessBundle,
    task: TaskView,
    *,
    client: ModelClient,
    model: str,
    effort: str | None = None,
    sandbox: Sandbox,
    recorder: Recorder,
    user_id: str | None = None,
    meter: Meter | None = None,
    jails: CodeJails | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Let the harness work on the task until its agents are done.

    Args:
        bundle: The harness.
        task: What its agents may know of the task.
        client: Sends the requests.
        model: The model all agents ask.
        effort: Reasoning effort where the harness does not set one.
        sandbox: Where commands run; neither verified nor closed here.
        recorder: Takes every event as it happens.
        user_id: The attempt's opaque token.
        meter: Counts and bounds; pass one to read what was used when the attempt ends early. Made
            from the harness's limits and `clock` when left out.
        jails: Where orchestration code runs; a harness that brings some is refused when left out.
        clock: Gives seconds that only grow.

    Raises:
        AttemptError: The attempt ended early; its class says why.
        HarnessError: The harness names an unknown pattern or role.
        SandboxUnavailableError: The harness brings orchestration code, and there is no jail for it.
    """
    meter = meter or Meter(budget_for(bundle.spec), clock)
    meter.start()
    roles(bundle)
    chosen = bundle.spec.orchestration
    params = PATTERNS[chosen.pattern].params.model_validate(chosen.params)
    choice = ModelChoice(model, effort, user_id)
    ctx = Ctx(bundle, task, choice, client=client, sandbox=sandbox, recorder=recorder, meter=meter)
    ctx.task = await with_snapshot(ctx)
    work = functools.partial(run_code, place=CodePlace(bundle, jails, recorder, user_id))
    text = await (PATTERN_FUNCTIONS | {CODE: work})[chosen.pattern](ctx, params)
    return Outcome(text, meter.turns, meter.usage, meter.cost_usd, meter.unpriced_requests)
