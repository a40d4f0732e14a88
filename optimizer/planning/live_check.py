"""Walks the whole path of a night once, with the real models of a run file, for pennies.

Keys and plan are examined by `optimizer.planning.doctor` before; here every step does what a night does, and says
what it cost.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from benchmarks.task import Split
from optimizer.attempt_spec import AttemptResult, AttemptSpec, Purpose
from optimizer.config import RunConfig
from optimizer.failure import CAUSES
from optimizer.planning.machine import Need
from optimizer.planning.plan import Plan
from optimizer.schedule.base import Job
from optimizer.settings.roles import Role
from optimizer.worker import WorkerSetup
from task_agent.errors import (
    AttemptError,
    EngineLostError,
    OutOfMoneyError,
    ProviderRateLimitedError,
    ProviderRefusedRequestError,
    ProviderUnavailableError,
    SandboxLostError,
)
from task_agent.harness import HarnessBundle
from task_agent.models import ModelClient, ModelReply, ModelRequest, PriceTable, probe
from task_agent.sandbox import Probe, SandboxKind
from task_agent.sandbox import probe as try_out
from traces.errors import (
    BudgetError,
    ConfigError,
    CredentialsError,
    ProviderError,
    RatchetError,
    RateLimitedError,
    SandboxUnavailableError,
)
from traces.event import Event, EventKind
from traces.store import Segment, TraceStore

Roles = Mapping[Role, list[str]]
"""Every model that may answer, as a role without fallbacks, and the roles it plays."""
_NEEDED = (EventKind.ATTEMPT_START, EventKind.MODEL, EventKind.VERIFIER, EventKind.ATTEMPT_END)
_MEANS: Mapping[str, type[RatchetError]] = {
    CAUSES[SandboxLostError].name: SandboxUnavailableError,
    CAUSES[EngineLostError].name: SandboxUnavailableError,
    "sandbox_lost_at_work": SandboxUnavailableError,
    CAUSES[CredentialsError].name: CredentialsError,
    CAUSES[ProviderRateLimitedError].name: RateLimitedError,
    CAUSES[ProviderUnavailableError].name: ProviderError,
    CAUSES[ProviderRefusedRequestError].name: ProviderError,
    CAUSES[OutOfMoneyError].name: BudgetError,
}


@dataclass(frozen=True, slots=True)
class Step:
    """Hold one step that was walked, and what it cost: 0 when nothing was asked, None when it has no price."""

    need: Need
    cost_usd: float | None = 0.0


class Purse:
    """Pass requests on until the money is spent; what was asked last may go over by its own price.

    Raises from `create`, besides what the client raises: `BudgetError` once nothing is left.
    """

    def __init__(self, most_usd: float) -> None:
        self.most_usd = most_usd
        self.spent_usd = 0.0

    @property
    def left_usd(self) -> float:
        """Say what may still be spent."""
        return max(self.most_usd - self.spent_usd, 0.0)

    def check(self) -> None:
        """Refuse to go on with nothing left.

        Raises:
            BudgetError: Nothing is.
        """
        if not self.left_usd:
            said = f"${self.spent_usd:.4f} are spent, of ${self.most_usd:.2f}"
            raise BudgetError(said, hint=f"--max-usd {2 * self.most_usd:g}")

    async def ask(self, client: ModelClient, request: ModelRequest) -> ModelReply:
        """Send a request and count its price."""
        self.check()
        reply = await client.create(request)
        self.spent_usd += reply.cost_usd or 0.0
        return reply


def walk(plan: Plan, *, max_usd: float) -> Iterator[Step]:
    """Walk the path, giving each step as it is done; what a failed step was needed for is left out."""
    with tempfile.TemporaryDirectory(prefix="ratchet-live-") as folder, asyncio.Runner() as runner:
        steps = _walk(plan, Purse(max_usd), Path(folder))
        while (step := runner.run(_next(steps))) is not None:
            yield step


async def _next(steps: AsyncIterator[Step]) -> Step | None:
    return await anext(steps, None)


async def _walk(plan: Plan, purse: Purse, folder: Path) -> AsyncIterator[Step]:
    fine, prices = True, _prices(plan.config)
    for price in prices.values():
        yield price
    for role, names in _models(plan.config).items():
        works = prices[role.model].need.state != "fails"
        if works:
            async for step in _model(plan, purse, role, names):
                works = works and step.need.state != "fails"
                yield step
        if "task" in names:
            fine = works
    tried = _sandbox(plan.sandbox)
    yield tried
    if not fine or tried.need.state == "fails":
        yield Step(Need("attempt", "warns", "not tried: mend the rows above first"))
        return
    async for step in _attempt(plan, purse, folder):
        yield step


def _models(config: RunConfig) -> Roles:
    found: dict[Role, list[str]] = {}
    for name, role in config.models.roles.items():
        for number, model in enumerate(role.models):
            alone = Role(model=model, base_url=role.base_url, effort=role.effort)
            found.setdefault(alone, []).append(f"fallback of {name}" if number else name)
    return found


async def _model(plan: Plan, purse: Purse, role: Role, names: list[str]) -> AsyncIterator[Step]:
    """Ask a model twice, and see whether the second answer was read from the cache."""
    from optimizer.clients import make_client

    client, before = make_client(role, plan.config, plan.suite), purse.spent_usd
    need = f"model {_named(role)}"
    try:
        answer = await _first(client, purse, role)
        step = _answered(need, role, names, answer)
        yield replace(step, cost_usd=purse.spent_usd - before)
        if step.need.state != "fails":
            yield await _cached(client, purse, role, answer)
    except RatchetError as error:
        yield Step(_failed(need, error), purse.spent_usd - before)
    finally:
        await client.close()


def _named(role: Role) -> str:
    return f"{role.model} at {role.effort}" if role.effort else role.model


def _prices(config: RunConfig) -> dict[str, Step]:
    """Look up what every model costs."""
    table = PriceTable.load(config.prices)
    return {role.model: _price(table, config.prices, role.model) for role in _models(config)}


def _price(table: PriceTable, path: Path, model: str) -> Step:
    price = table.price(model, datetime.now(UTC).date())
    if price is None:
        error = ConfigError(f"no price for {model}: neither this check nor a budget could hold it", key="prices")
        return Step(Need(f"price {model}", "fails", error.message, f"add the model to {path}", error))
    nominal = ", nominal: nobody is billed" if price.nominal else ""
    rates = price.rates
    return Step(Need(f"price {model}", "ok", f"${rates.input:g} in and ${rates.output:g} out for a million{nominal}"))


async def _first(client: ModelClient, purse: Purse, role: Role) -> ModelReply:
    """Ask for the first word; where it is refused, find out whether the effort is what is refused.

    Raises:
        ProviderError: The model takes requests, but not this effort.
    """
    token = f"live-{secrets.token_hex(8)}"
    try:
        return await purse.ask(client, probe.first(role.model, role.effort, token))
    except ProviderRefusedRequestError as error:
        if role.effort is None:
            raise
        try:
            await purse.ask(client, probe.first(role.model, None, token))
        except AttemptError:
            raise error from None
        raise ProviderError(
            f"it does not take `effort: {role.effort}`: {error.message}", hint="leave `effort` out, or name another"
        ) from error


def _answered(need: str, role: Role, names: list[str], answer: ModelReply) -> Step:
    wrong = probe.problem(answer)
    if wrong is not None:
        error = ProviderError(f"{role.model} answers, but {wrong}", hint="take a model that uses tools")
        return Step(_failed(need, error))
    return Step(Need(need, "ok", f"answers as {', '.join(names)}, and calls its tool with what was asked for"))


async def _cached(client: ModelClient, purse: Purse, role: Role, answer: ModelReply) -> Step:
    need, before = f"cache {_named(role)}", purse.spent_usd
    token = f"live-{secrets.token_hex(8)}"
    again = await purse.ask(client, probe.second(role.model, role.effort, token, answer))
    read, cost = again.usage.cache_read, purse.spent_usd - before
    if read:
        return Step(Need(need, "ok", f"{read:,} tokens of the second turn were read from it"), cost)
    what = "nothing of the second turn was read from it: every turn of a night is paid in full"
    return Step(Need(need, "warns", what, "see whether a gateway in between removes `cache_control`"), cost)


def _sandbox(kind: SandboxKind) -> Step:
    tried: Probe = try_out(kind)
    if tried.ok:
        return Step(Need(f"sandbox {kind}", "ok", tried.reason))
    error = SandboxUnavailableError(tried.reason, hint="ratchet doctor")
    return Step(_failed(f"sandbox {kind}", error))


async def _attempt(plan: Plan, purse: Purse, folder: Path) -> AsyncIterator[Step]:
    """Attempt one train task in a worker's own way, have it graded, and read its trace back."""
    try:
        purse.check()
    except BudgetError as error:
        yield Step(_failed("attempt", error))
        return
    task = plan.splits.of(Split.TRAIN)[0]
    bundle = _within(plan.harness, purse.left_usd)
    spec = AttemptSpec("live", "c000", bundle.hash, task, Split.TRAIN.value, 0, Purpose.SMOKE)
    runner = WorkerSetup(plan.config, folder / "traces", plan.sandbox, "live")("w0")
    try:
        result = await runner.run(Job(spec, bundle))
        sealed = await runner.flush()
    finally:
        await runner.close()
    purse.spent_usd += result.cost_usd or 0.0
    yield Step(_graded(task, result, purse), result.cost_usd)
    store = TraceStore(folder / "traces")
    store.add(Segment.from_record(record) for record in sealed)
    yield Step(traced(store.read_attempt(spec.id), result))


def _within(bundle: HarnessBundle, usd: float) -> HarnessBundle:
    """Give the harness with no more money for an attempt than is left."""
    data = yaml.safe_load(bundle.files["harness.yaml"])
    own = bundle.spec.limits.cost_usd
    limits = {**(data.get("limits") or {}), "cost_usd": usd if own is None else min(own, usd)}
    text = yaml.safe_dump({**data, "limits": limits}, sort_keys=False)
    return HarnessBundle({**bundle.files, "harness.yaml": text.encode()})


def _graded(task: str, result: AttemptResult, purse: Purse) -> Need:
    what = f"{task}: reward {result.reward:g} in {result.turns} turns" if result.reward is not None else f"{task}: none"
    if result.cause is None:
        return Need("attempt", "ok", f"{what}, graded by its verifier")
    kind = _MEANS.get(result.cause)
    if kind is None:
        return Need("attempt", "warns", f"{what}; it ended with {result.cause}: {result.detail}", "ratchet tasks check")
    hint = f"--max-usd {2 * purse.most_usd:g}" if kind is BudgetError else "ratchet doctor"
    return _failed("attempt", kind(f"{task} ended with {result.cause}: {result.detail}", hint=hint))


def traced(events: Sequence[Event], result: AttemptResult) -> Need:
    """Hold the trace against the result: every kind of event, and every token."""
    kinds = {event.kind for event in events}
    missing = [kind.value for kind in _NEEDED if kind not in kinds]
    tokens = sum(event.usage.total for event in events if event.usage)
    whole = tokens == result.usage.total or result.retries > 0  # a trace shows the last try alone
    if result.cause is None and (missing or not whole):
        lacks = f"lacks {', '.join(missing)}" if missing else f"holds {tokens:,} tokens, not {result.usage.total:,}"
        return _failed("trace", RatchetError(f"the trace {lacks}", hint="report this as a bug"))
    return Need("trace", "ok", f"{len(events)} events and {tokens:,} tokens read back as they were written")


def _failed(need: str, error: RatchetError) -> Need:
    return Need(need, "fails", error.message, error.hint or "ratchet doctor", error)
