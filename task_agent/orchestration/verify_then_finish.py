"""`verify_then_finish`: one agent works, another looks at the result without having seen the work."""

from __future__ import annotations

from task_agent.harness.pattern import VerifyThenFinishParams
from task_agent.orchestration.ctx import Ctx
from task_agent.orchestration.opening import first_message
from task_agent.orchestration.worker import Worker
from task_agent.tools.report_check import CheckReport, ReportCheckTool

PROBLEM_FOUND = "A check of the result found a problem:"


async def verify_then_finish(ctx: Ctx, params: VerifyThenFinishParams) -> str:
    """Let the worker go on while a fresh verifier finds problems, for at most `params.rounds` checks."""
    main = Worker(ctx)
    answer = await main.run(first_message("main", ctx.task))
    for _ in range(params.rounds):
        check = await _check(ctx)
        if check.passed:
            break
        answer = await main.run(f"{PROBLEM_FOUND} {check.problem}")
    return answer


async def _check(ctx: Ctx) -> CheckReport:
    report = ReportCheckTool()
    await ctx.agent("verifier", tools=["bash", report]).run(first_message("verifier", ctx.task))
    if report.report is None:
        ctx.note("the verifier ended without a report; the result stands")
        return CheckReport(passed=True, problem="")
    return report.report
