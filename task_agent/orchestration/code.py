"""`code`: the harness's own `orchestration.py` says how its agents work together, from inside a jail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.code import CODE_PATH
from task_agent.harness.pattern import CODE, CodeParams
from task_agent.orchestration.broker import Broker
from task_agent.orchestration.ctx import Ctx
from task_agent.sandbox.code_jail import CodeJails, why_no_jail
from traces.errors import SandboxUnavailableError
from traces.recorder import Recorder

_CLIENT = Path(__file__).with_name("_jailed.py")


def open_jails(*, allow_unsafe: bool = False) -> CodeJails:
    """Give a worker its jails for orchestration code; nothing starts before the first attempt that needs one.

    Args:
        allow_unsafe: Run such code as a plain process where no jail works; otherwise it is refused.
    """
    return CodeJails(_CLIENT.read_bytes(), allow_unsafe=allow_unsafe)


def check_place(bundle: HarnessBundle, *, allow_unsafe: bool) -> None:
    """Refuse a harness whose orchestration code could not be run on this machine.

    Raises:
        SandboxUnavailableError: It brings code, no jail works here, and that is not allowed.
    """
    if bundle.spec.orchestration.pattern == CODE and not allow_unsafe and (why := why_no_jail()):
        raise SandboxUnavailableError(
            f"the harness's {CODE_PATH} has no jail to run in: {why}",
            hint="set `sandbox.allow_unsafe: true` if this machine is a throw-away, or name a built-in pattern",
        )


@dataclass(frozen=True, slots=True)
class CodePlace:
    """Say what an attempt's code is, where it runs, and what of it is written down; `token` seeds its randomness."""

    bundle: HarnessBundle
    jails: CodeJails | None
    recorder: Recorder
    token: str | None


async def run_code(ctx: Ctx, params: CodeParams, *, place: CodePlace) -> str:
    """Run the harness's `orchestrate(ctx)` in a process of its own and answer for it.

    Raises:
        AttemptError: The attempt ended early; its class says why.
        SandboxUnavailableError: There is no jail for it.
    """
    if place.jails is None:
        raise SandboxUnavailableError("orchestration code runs in a jail only, and none was given")
    process = await place.jails.start(place.bundle.hash, place.bundle.files)
    try:
        async with ctx.budget.in_time():
            return await Broker(ctx, process, place.recorder).serve(params.model_dump(mode="json"), place.token)
    finally:
        await process.kill()
